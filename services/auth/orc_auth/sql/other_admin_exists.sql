-- Whether the installation has an admin already, other than $1.
SELECT EXISTS (SELECT FROM accounts WHERE role = 'admin' AND user_id <> $1)
