-- How many names there are, deleted ones too.
SELECT count(*) FROM vault.secrets
