"""Moving in from Salesforce: its data export is a folder of CSV files, one for each object.

`reading` takes a file apart, `objects` says what each column becomes, `rows` turns lines into values and complaints,
`storing` brings a file's rows into the database, `users` does so for people.
"""

SYSTEM = "salesforce"
