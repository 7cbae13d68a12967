# Every lead, one JSON object a line. The last line says that it is complete, and has the cursor behind which changes
# are told.
curl -sSf --compressed -H "Authorization: Bearer $KEY" "https://crm.example.com/api/v1/leads/export/" > leads.ndjson
CURSOR=$(tail -n 1 leads.ndjson | sed 's/.*"cursor":"\([^"]*\)".*/\1/')

# What changed since. Ask again with the cursor of this answer; `wait` waits for news, up to 30 seconds.
curl -sSf -H "Authorization: Bearer $KEY" -G "https://crm.example.com/api/v1/changes/" \
    --data-urlencode "cursor=$CURSOR" --data-urlencode "wait=1"
