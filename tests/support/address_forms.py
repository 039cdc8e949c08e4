"""URLs that lead inside, or look as if they led outside: addresses in every spelling, names, schemes, tricks."""

LOOPBACK = (
    "127.0.0.1", "127.1", "127.0.1", "127.9.9.9", "2130706433", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "017700000001",
    "0177.0.0.1", "0177.0.0x0.01", "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "0", "0.0.0.0", "0x0",
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]", "[::1%25lo]", "[::1%lo]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:0001]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]", "[2001:0:7f00:1::1]",
    "\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "127\u30020\u30020\u30021",
    "127.0.0\uff0e1", "\u0661\u0662\u0667.\u0660.\u0660.\u0661", "loc\u00adalhost", "\u24dbocalhost", "127.0.0.1\u200b",
    "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "loop.example", "loop6.example", "mapped.example",
)  # fmt: skip
PRIVATE = (
    "10.9.8.7", "0xa090807", "012.9.8.7", "10.591879", "192.168.1.1", "172.16.0.1", "172.31.255.255", "100.64.0.1", "198.18.0.1",
    "192.0.2.1", "203.0.113.5", "240.0.0.1", "255.255.255.255", "224.0.0.1", "[ff02::1]", "[fd12::7]", "[fec0::1]", "[2001:db8::1]",
    "[::ffff:10.9.8.7]", "[64:ff9b::a09:807]", "[2002:a09:807::1]", "inside.example", "INSIDE.Example.", "mixed.example",
    "mixed6.example",
)  # fmt: skip
METADATA = (
    "169.254.169.254", "169.254.169.254.", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518", "169.16689662",
    "[::ffff:a9fe:a9fe]", "[::a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fe80::1]", "[fe80::1%25lo]", "[fe80::a9fe:a9fe]",
    "[fd00:ec2::254]", "[fd00:ec2::23]", "[fd20:ce::254]", "[fd00:c1::a9fe:a9fe]", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "169.254.170.2", "metadata", "metadata.google.internal", "METADATA.google.internal.", "instance-data.ec2.internal", "nat64.example",
)  # fmt: skip
HOSTS = LOOPBACK + PRIVATE + METADATA
TRICKS = (
    "http://public.example@127.0.0.1/", "http://public.example:80@127.0.0.1/", "http://user:word@public.example/",
    "http://127.0.0.1#@public.example/", "http://127.0.0.1?@public.example/", "http://127.0.0.1/@public.example",
    "http://public.example\\@127.0.0.1/", "http://127.0.0.1\\@public.example/", "http:\\\\127.0.0.1/", "http:/\\127.0.0.1/",
    "http:///127.0.0.1/", "http:127.0.0.1/", "http://@127.0.0.1/", "http://127.0.0.1%2f@public.example/", "http://[::1]@public.example/",
    "HTTP://127.0.0.1/", "hTTps://127.0.0.1/", "https://[::1]/", "file:///etc/passwd", "FILE:///etc/passwd", "file://127.0.0.1/etc/passwd",
    "gopher://127.0.0.1:80/_GET", "dict://127.0.0.1:9000/", "ftp://127.0.0.1/", "ws://127.0.0.1/", "ldap://127.0.0.1/", "jar:http://127.0.0.1!/",
    "http+unix://%2Frun%2Fx/", "unix:/run/x", "data:application/json,[]", "javascript:0", " http://127.0.0.1/", "http://127.0.0.1 /",
    "http://127.0.0.1\t/", "http://\t127.0.0.1/", "h\nttp://127.0.0.1/", "http://127.0.0.1\r\nx: y/", "http://127.0.0.1\x00.public.example/",
    "http://127.0.0.1%00.public.example/", "http://127.0.0.1%09/", "http://127.0.0.1:80\u200b/", "http://[127.0.0.1]/", "http://[::1/",
    "http://127.0.0.1:65536/", "http://127.0.0.1:0/", "http://127.0.0.1:+80/", "http://127.0.0.1:\uff18\uff10/", "http://[::ffff:127.0.0.1%25lo]/",
    "http://127.0.0.1:8080/", "http://[::1]:5432/", "http://public.example:22/", "http://public.example:8080/", "http://8.8.8.8:9000/",
    "http://[2606:4700::7]:5432/", "https://public.example:9000/",
)  # fmt: skip
URLS = (*(f"http://{host}/" for host in HOSTS), *TRICKS)
