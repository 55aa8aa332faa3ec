#!/bin/sh
# A batch from the shell: what it is now, every change as it comes, and a wait for its end. Needs curl, sed and awk.
# usage: sh batch.sh [GATEWAY] [BATCH-ID]
set -eu

gateway=${1:-http://127.0.0.1:8000}
id=${2:-partly-failed-$$}
ref="{\"source\": \"TRENDYOL\", \"id\": \"$id\"}"

# ask ACCEPT DOCUMENT VARIABLES
ask() {
    curl --silent --show-error --no-buffer --fail-with-body "$gateway/graphql" \
        --header "Content-Type: application/json" --header "Accept: $1" \
        ${BATCH_GATEWAY_TOKEN:+--header "Authorization: Bearer $BATCH_GATEWAY_TOKEN"} \
        --data "{\"query\": \"$2\", \"variables\": $3}" || return 2
}

# value NAME: the first plain value of that name in one line of JSON
value() {
    sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"
}

# bar PROGRESS STATUS; progress is null where the marketplace tells too little
bar() {
    awk -v progress="$1" -v status="$2" 'BEGIN {
        filled = substr("####################", 1, int(progress * 20))
        printf "[%-20s] %3d %%  %s\n", filled, progress * 100, status
    }'
}

echo "1. A query: how $id stands now"
ask application/json \
    'query Batch($ref: BatchRef!) { batch(ref: $ref) { ... on NormalizedBatch { status itemCount } } }' \
    "{\"ref\": $ref}"
echo

echo "2. A subscription over server-sent events: every change, until the end"
ask text/event-stream \
    'subscription Follow($refs: [BatchRef!]!) { batchUpdates(refs: $refs) { batch { ... on NormalizedBatch { status progress } } error { message } } }' \
    "{\"refs\": [$ref]}" |
while read -r field line; do
    [ "$field" = "data:" ] && [ -n "$line" ] || continue
    trouble=$(printf '%s\n' "$line" | value message)
    if [ -n "$trouble" ]; then
        echo "$trouble"
    else
        bar "$(printf '%s\n' "$line" | value progress)" "$(printf '%s\n' "$line" | value status)"
    fi
done

echo "3. A wait: answered when the batch has ended, or after 30 seconds with what is known then"
answer=$(ask application/json \
    'query Wait($ref: BatchRef!) { awaitBatch(ref: $ref, timeout: 30) { ... on NormalizedBatch { outcome itemCount failedCount failureSummary { count code message } } } }' \
    "{\"ref\": $ref}")
echo "$answer"

case $(printf '%s\n' "$answer" | value outcome) in
    SUCCEEDED) exit 0 ;;
    PARTIALLY_SUCCEEDED | FAILED) exit 1 ;;
    *) exit 2 ;;
esac
