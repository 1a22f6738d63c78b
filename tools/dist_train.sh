#!/usr/bin/env bash
# Several processes on one machine: bash tools/dist_train.sh CONFIG PROCESSES [arguments of tools/train.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR (and MASTER_PORT) on each of them.
set -euo pipefail
config=$1 processes=$2
where=(--standalone)  # on a port that is free
if [ "${NNODES:-1}" -gt 1 ]; then
    where=(--nnodes="$NNODES" --node_rank="$NODE_RANK" --master_addr="$MASTER_ADDR" --master_port="${MASTER_PORT:-29500}")
fi
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1  # see docs/distributed.md
torchrun "${where[@]}" --nproc_per_node="$processes" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "${@:3}"
