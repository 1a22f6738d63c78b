#!/usr/bin/env bash
# Several processes on one machine: bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of tools/test.py]
set -euo pipefail
config=$1 checkpoint=$2 processes=$3
where=(--standalone)  # on a port that is free
if [ "${NNODES:-1}" -gt 1 ]; then
    where=(--nnodes="$NNODES" --node_rank="$NODE_RANK" --master_addr="$MASTER_ADDR" --master_port="${MASTER_PORT:-29500}")
fi
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1  # see docs/distributed.md
torchrun "${where[@]}" --nproc_per_node="$processes" \
    "$(dirname "$0")/test.py" "$config" "$checkpoint" --launcher pytorch "${@:4}"
