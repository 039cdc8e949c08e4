-- Fences hold back attempts of open runs; a year is more than any run takes.
DELETE FROM _orc.fences WHERE raised_at < now() - interval '365 days'
