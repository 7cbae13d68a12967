# Create or change a lead by the id that your own system has for it; send it as often as you like.
curl -sSf -X PUT -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \
    "https://crm.example.com/api/v1/leads/by/erp/4711/" \
    -d '{"last_name": "Moreau", "company": "Initech", "email": "moreau@initech.example"}'

# Many at once. What could not be stored is told row by row; the others are stored.
curl -sSf -H "Authorization: Bearer $KEY" -H "Content-Type: application/x-ndjson" -H "Idempotency-Key: monday-1" \
    "https://crm.example.com/api/v1/leads/bulk/?operation=upsert&system=erp" --data-binary @- <<'ROWS'
{"external_id": "4711", "job_title": "Head of sales"}
{"external_id": "4712", "last_name": "Sato", "company": "Initech", "email": "sato@initech.example"}
{"external_id": "4713", "last_name": "Nobody can be reached"}
ROWS
