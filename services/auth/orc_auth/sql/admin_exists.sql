-- Whether the installation has an admin already.
SELECT EXISTS (SELECT FROM accounts WHERE role = 'admin')
