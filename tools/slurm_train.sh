#!/usr/bin/env bash
# A Slurm job: GPUS=8 GPUS_PER_NODE=8 CPUS_PER_TASK=4 bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [arguments of tools/train.py]
set -euo pipefail
partition=$1 job=$2 config=$3
gpus=${GPUS:-1} gpus_per_node=${GPUS_PER_NODE:-$gpus}
srun -p "$partition" --job-name="$job" --gres="gpu:$gpus_per_node" --ntasks="$gpus" \
    --ntasks-per-node="$gpus_per_node" --cpus-per-task="${CPUS_PER_TASK:-4}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$config" --launcher slurm "${@:4}"
