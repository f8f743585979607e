"""Makes pii.jsonl, the labelled set of personal data: {"text", "spans": [[start, end, kind], ...]} a line (offsets in UTF-16 units).
About 620 texts from a seed and a hand-written part below; half of them hold nothing but look-alikes. The values are made here with
their own check digits, independently of the rules in lib/curate/pii.

    python test/lib/curate/golden/make-pii.py
"""

import json
import os
import random
import string

rng = random.Random(4)
here = os.path.dirname(os.path.abspath(__file__))
digits = lambda n: "".join(rng.choice(string.digits) for _ in range(n))  # noqa: E731
pick = rng.choice


def luhn_digit(body):
    total = 0
    for at, d in enumerate(reversed([int(c) for c in body])):
        d = d * 2 if at % 2 == 0 else d
        total += d - 9 if d > 9 else d
    return str(-total % 10)


def card():
    body = pick(["4", "51", "55", "2300", "6011"]) 
    body += digits(15 - len(body))
    number = body + luhn_digit(body)
    joint = pick([" ", "-", ""])
    return joint.join(number[i:i + 4] for i in range(0, 16, 4))


def amex():
    body = pick(["34", "37"]) + digits(12)
    number = body + luhn_digit(body)
    return number[:4] + " " + number[4:10] + " " + number[10:]


def iban():
    country, shape = pick([("DE", "d" * 18), ("GB", "aaaa" + "d" * 14), ("FR", "d" * 23), ("NL", "aaaa" + "d" * 10), ("ES", "d" * 20), ("BE", "d" * 12), ("PL", "d" * 24), ("IT", "a" + "d" * 22)])
    body = "".join(pick(string.digits) if c == "d" else pick(string.ascii_uppercase) for c in shape)
    value = int("".join(str(int(c, 36)) for c in body + country + "00"))
    full = country + f"{98 - value % 97:02d}" + body
    return full if rng.random() < 0.5 else " ".join(full[i:i + 4] for i in range(0, len(full), 4))


def dni():
    n = rng.randrange(10_000_000, 99_999_999)
    return f"{n}{pick(['', '-'])}{'TRWAGMYFPDXBNJZSQVHLCKE'[n % 23]}"


def ssn():
    return f"{rng.randrange(100, 665):03d}-{rng.randrange(1, 99):02d}-{rng.randrange(1, 9999):04d}"


def cpf():
    n = [int(c) for c in digits(9)]
    for _ in range(2):
        s = sum(d * w for d, w in zip(n, range(len(n) + 1, 1, -1)))
        n.append(0 if s % 11 < 2 else 11 - s % 11)
    t = "".join(map(str, n))
    return f"{t[:3]}.{t[3:6]}.{t[6:9]}-{t[9:]}"


def nir():
    body = pick("12") + f"{rng.randrange(40, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 95):02d}{digits(6)}"
    full = body + f"{97 - int(body) % 97:02d}"
    return f"{full[0]} {full[1:3]} {full[3:5]} {full[5:7]} {full[7:10]} {full[10:13]} {full[13:]}" if rng.random() < 0.5 else full


def chinese_id():
    body = pick(["110101", "310115", "440305"]) + f"{rng.randrange(1950, 2010)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}" + digits(3)
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights)) % 11]


def pesel():
    body = f"{rng.randrange(40, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}" + digits(4)
    return body + str(-sum(int(c) * w for c, w in zip(body, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3])) % 10)


def personnummer():
    body = f"{rng.randrange(40, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}" + digits(3)
    return body[:6] + "-" + body[6:] + luhn_digit(body)


def token(n, alphabet=string.ascii_letters + string.digits):
    while True:
        t = "".join(pick(alphabet) for _ in range(n))
        if any(c.isdigit() for c in t) and any(c.isalpha() for c in t):
            return t


def secret():
    return pick([lambda: "AKIA" + token(16, string.ascii_uppercase + "234567"), lambda: "ghp_" + token(36), lambda: "sk-proj-" + token(48), lambda: "sk_live_" + token(24), lambda: "hf_" + token(34),
                 lambda: "xoxb-" + digits(12) + "-" + token(24), lambda: "AIza" + token(35), lambda: "glpat-" + token(20), lambda: "npm_" + token(36), lambda: "SG." + token(22) + "." + token(43)])()


FIRST = "anna bruno carla david elena farid greta hiro ines jonas kavya liam maria nils olga pedro quinn rosa sven tara".split()
LAST = "mueller rossi dubois garcia tanaka kowalski novak silva jansen patel okafor haddad lind costa weber moreau".split()
HOSTS = "gmail.com outlook.com web.de orange.fr uni-bonn.de acme-corp.io mail.ru libero.it post.cz company.co.uk school.edu.au qq.com".split()


def email():
    a, b = pick(FIRST), pick(LAST)
    return pick([f"{a}.{b}", f"{a}_{b}{rng.randrange(99)}", f"{a[0]}{b}", f"{a}+news", f"{b}{rng.randrange(1960, 2010)}"]) + "@" + pick(HOSTS)


def phone():
    area, mid = rng.randrange(201, 989), rng.randrange(200, 989)
    mid = mid if mid != 555 else 556
    return pick([f"({area}) {mid}-{digits(4)}", f"{area}-{mid}-{digits(4)}", f"+1 {area} {mid} {digits(4)}", f"+1-{area}-{mid}-{digits(4)}", f"+49 {rng.randrange(30, 999)} {digits(7)}", f"+44 20 {digits(4)} {digits(4)}",
                 f"+44 7{digits(3)} {digits(6)}", f"+33 {rng.randrange(1, 8)} {digits(2)} {digits(2)} {digits(2)} {digits(2)}", f"0{rng.randrange(1, 7)} {digits(2)} {digits(2)} {digits(2)} {digits(2)}", f"+91 9{digits(4)} {digits(5)}",
                 f"+55 11 9{digits(4)}-{digits(4)}", f"+81-3-{rng.randrange(1000, 9999)}-{digits(4)}", f"07{digits(3)} {digits(6)}", f"+86 13{digits(1)} {digits(4)} {digits(4)}", f"0{rng.randrange(30, 999)}/{rng.randrange(100000, 9999999)}"])


def ip():
    if rng.random() < 0.25:
        return pick(["2a00:1450:4001:81b::", "2607:f8b0:4005:805::", "2a03:2880:f12f:83:face:b00c::", "2001:4860:4860::"]) + f"{rng.randrange(1, 65535):x}"
    return f"{pick([8, 23, 34, 52, 77, 81, 93, 104, 142, 151, 185, 212])}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


HITS = {
    "email": (email, ["Please write to {} before Friday.", "My address is {}, thanks!", "From: <{}>", "Contact: {}; we answer within a day.", "cc {} and the whole team", "Login with {}\nand your password.", "mailto is dead, use {}.",
                      "E-Mail: {}", "Schreib mir an {} oder komm vorbei.", "{{\"user\": \"{}\"}}", "({})", "Son adresse est {}."]),
    "phone": (phone, ["Call me at {} tonight.", "Tel.: {}", "My number is {}, ask for Sam.", "Phone {} (office)", "You can reach the desk on {}.", "WhatsApp: {}", "Fax {} or mail", "Ring {} and leave a message.", "Rückruf unter {} bitte.",
                      "Contact us:\n{}\nMonday to Friday", "Mobile {}"]),
    "ip": (ip, ["The request came from {}.", "ssh root@{}", "Blocked {} after three tries.", "server {} is down", "ping {}", "Client address: {}", "http://{}/admin answered 403", "[{}] GET /index.html", "Add {} to the allow list, please."]),
    "card": (lambda: amex() if rng.random() < 0.15 else card(), ["My card is {}.", "Pay with {} exp 09/27", "Card number: {}", "charged {} twice", "cc={}", "Use {} for the booking, please.", "Kreditkarte {} gültig bis 12/28"]),
    "iban": (iban, ["Transfer it to {}.", "IBAN: {}", "My account {} at the bank", "Überweisung an {} bis Montag.", "iban {}\nbic later", "Bitte auf {} zahlen."]),
    "secret": (secret, ["export TOKEN={}", "My key is {} and it stopped working.", "api_key: \"{}\"", "curl -H 'Authorization: Bearer {}'", "I pushed {} by mistake!", "os.environ['KEY'] = '{}'", "key={}&x=1"]),
}
NATIONAL = [(ssn, "SSN {}"), (ssn, "Her social security number is {}."), (dni, "DNI: {}"), (dni, "con documento {} y domicilio"), (cpf, "CPF {}"), (cpf, "meu cadastro é {}."), (nir, "Numéro de sécu : {}"), (chinese_id, "身份证号 {}"),
            (chinese_id, "ID card {} of the applicant"), (pesel, "PESEL {}"), (personnummer, "Personnummer {}"), (personnummer, "född {} i Lund")]

FILLER = ["", "", "Hello there. ", "As discussed on 12 March 2024, ", "I have a question about step 3.2. ", "Order 2291 was late. ", "Hi! "]
rows = []


def add(parts):
    text, spans = "", []
    for part in parts:
        if isinstance(part, tuple):
            start = len(text.encode("utf-16-le")) // 2
            text += part[0]
            spans.append([start, len(text.encode("utf-16-le")) // 2, part[1]])
        else:
            text += part
    rows.append({"text": text, "spans": spans})


def fill(template, value, kind):
    before, after = template.replace("{{", "\x01").replace("}}", "\x02").split("{}")
    back = lambda t: t.replace("\x01", "{").replace("\x02", "}")  # noqa: E731
    return [back(before), (value, kind), back(after)]


for kind, (make, templates) in HITS.items():
    for i in range(42 if kind in ("email", "phone") else 34):
        parts = [pick(FILLER)] + fill(templates[i % len(templates)], make(), kind)
        if rng.random() < 0.2:
            other = pick([k for k in HITS if k != "phone"])
            parts += [" "] + fill(pick(HITS[other][1]), HITS[other][0](), other)
        add(parts)
for i in range(48):
    make, template = NATIONAL[i % len(NATIONAL)]
    add([pick(FILLER)] + fill(template, make(), "national-id"))


def bad_luhn():
    body = "4" + digits(14)
    return body + str((int(luhn_digit(body)) + rng.randrange(1, 9)) % 10)


def bad_iban():
    return f"DE{rng.randrange(2, 98):02d}{digits(18)}"


def looks():
    """Look-alikes: nothing in them belongs to anybody."""
    return pick([
        lambda: f"The meeting is on 20{digits(2)[0]}{pick('0123456789')}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d} at 10:30.",
        lambda: f"Version {rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(30)}.{rng.randrange(9999)} fixes it.",
        lambda: f"Upgrade to v{rng.randrange(1, 9)}.{rng.randrange(30)}.{rng.randrange(30)}.{rng.randrange(30)} please.",
        lambda: f"The gateway is 192.168.{rng.randrange(256)}.{rng.randrange(256)}.",
        lambda: f"Bind to 127.0.0.1:{rng.randrange(1024, 9999)} and 10.0.{rng.randrange(256)}.{rng.randrange(256)}.",
        lambda: f"Documentation uses 192.0.2.{rng.randrange(256)}, 203.0.113.{rng.randrange(256)} and 2001:db8::{rng.randrange(9999):x}.",
        lambda: f"Order number {bad_luhn()} was shipped.",
        lambda: f"Tracking {digits(12)} has arrived; invoice {digits(10)} is open.",
        lambda: f"ISBN 978-{rng.randrange(0, 9)}-{digits(3)}-{digits(5)}-{digits(1)}",
        lambda: f"Use user@example.com or test@example.org in docs, never {pick(['foo@bar', 'me@localhost', '@alice'])}.",
        lambda: f"npm install left-pad@1.{rng.randrange(9)}.{rng.randrange(9)} and react@{rng.randrange(9)}",
        lambda: f"git clone git@github.com:acme/{pick(['tool', 'site'])}.git",
        lambda: f"See icon@2x.png and logo@3x.svg.",
        lambda: f"The sum {rng.randrange(100, 999)} + {rng.randrange(100, 999)} - {rng.randrange(1000, 9999)} is {rng.randrange(9999)}.",
        lambda: f"x = {rng.random():.12f}; y = {rng.random() * 1e6:.4f}",
        lambda: f"The reference is {bad_iban()}.",
        lambda: f"commit {''.join(pick('0123456789abcdef') for _ in range(40))}",
        lambda: f"uuid {''.join(pick('0123456789abcdef') for _ in range(8))}-{''.join(pick('0123456789abcdef') for _ in range(4))}-4{''.join(pick('0123456789abcdef') for _ in range(3))}-8{''.join(pick('0123456789abcdef') for _ in range(3))}-{''.join(pick('0123456789abcdef') for _ in range(12))}",
        lambda: "export OPENAI_API_KEY=your-api-key-here",
        lambda: "api_key = os.environ[\"API_KEY\"]  # set it first",
        lambda: "password: ********",
        lambda: "const token = getToken(request.headers);",
        lambda: "The AWS docs use AKIAIOSFODNN7EXAMPLE as a key.",
        lambda: "The password must have at least 8 characters and one digit.",
        lambda: "Passwords are hashed with a salt; the token is a word or a part of one.",
        lambda: f"Call 555-01{digits(2)} in the film, or +1 202-555-01{digits(2)}.",
        lambda: f"From {rng.randrange(1800, 1990)}-{rng.randrange(1991, 2024)} there were {rng.randrange(100, 999)},{digits(3)} cases.",
        lambda: f"Coordinates {rng.random() * 90:.6f}, {rng.random() * 180:.6f}",
        lambda: f"The time is 12:{rng.randrange(10, 60)}:{rng.randrange(10, 60)} and the MAC is 00:1A:2B:3C:4D:{rng.randrange(16, 99)}.",
        lambda: f"Section {rng.randrange(1, 9)}.{rng.randrange(1, 9)}.{rng.randrange(1, 9)}.{rng.randrange(1, 9)} says so.",
        lambda: f"pi is 3.14159265358979 and e is 2.71828182845904",
        lambda: f"{digits(3)}-00-{digits(4)} and 000-{digits(2)}-{digits(4)} are no numbers of anybody.",
        lambda: f"Part no. {digits(3)}-{digits(2)}-{digits(3)}, lot {digits(8)}",
        lambda: f"std::vector<int> a::b::c; // :: everywhere",
        lambda: f"The population of {pick(['Lagos', 'Oslo', 'Lima'])} was {rng.randrange(1, 20)} {digits(3)} {digits(3)}.",
        lambda: f"DNI {rng.randrange(10_000_000, 99_999_999)}I has a letter that does not exist.",
        lambda: f"Session id {token(24)} expired.",
        lambda: f"sha256:{''.join(pick('0123456789abcdef') for _ in range(64))}",
        lambda: f"data:image/png;base64,{token(60)}",
        lambda: f"https://example.com/a/{token(22)}?page={rng.randrange(9)}",
        lambda: f"It costs 1{pick([',', '.', ' '])}{digits(3)}{pick(['.', ','])}{digits(2)} or {rng.randrange(10, 99)} 000 000.",
        lambda: f"Runs {rng.randrange(10, 99)}, {rng.randrange(10, 99)}, {rng.randrange(10, 99)}, {rng.randrange(10, 99)}; score {rng.randrange(100, 999)}-{rng.randrange(100, 999)}.",
    ])()


for _ in range(300):
    add([pick(FILLER) + looks()])

# By hand. [[value|kind]] marks what is to be found.
HAND = """
Reach out to Jane at [[jane.doe@proton.me|email]] or [[+1 (415) 867-5309|phone]].
The db url is postgres://app:[[Tr0ub4dor3x9|secret]]@db.internal:5432/main
password: [[hT7#kq92!vLm|secret]]
aws_secret_access_key = [[wJalrXUtnFEMI/K7MDENGbPxRfiCYzz0Qw81pLkT|secret]]
Is 1.2.3.4.5 a version? Yes, and so is 10.15.7.
Please don't email nobody@nowhere, it has no domain.
She was born on 04/12/1986 and moved in 2003.
My locker code is 1234 and my room is 0512.
Two people: [[a.b@web.de|email]], [[c-d@sub.mail.example-company.fr|email]].
The DNS servers [[8.8.8.8|ip]] and [[1.1.1.1|ip]] are public.
[[2606:4700:4700::1111|ip]] is a resolver, ::1 and fe80::1 are not out there.
ticket 4111-2222-3333 is about seats
Visa test number: [[4111 1111 1111 1111|card]]
Write [[GB82 WEST 1234 5698 7654 32|iban]] on the form.
GB82 WEST 1234 5698 7654 33 is wrong by one.
The ratio 16:9:4:3 is odd.
f(x)=2001:0:0 is not an address
numbers like 12345678901234567890 mean nothing
Text me on [[07700 900123|phone]] later
Call extension 4432 inside the building.
call the function with 1234567 as its argument count
The 2020-2021 season had 1,230 games.
Paste eyJhbGciOiJ... into the field.
Authorization: Bearer [[eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U|secret]]
secret: the quick brown fox
token = "refresh_access_token_for_user"
He scored 98 76 54 32 10 in five rounds.
Hex dump: de ad be ef 00 11 22 33 44 55
ipv4 0.0.0.0 means all interfaces; 255.255.255.255 is a broadcast
Distance 384400 km, speed 299792458 m/s
[[078 1234 5678|phone]]
""".strip().split("\n")
for line in HAND[:-1]:
    parts, rest = [], line
    while "[[" in rest:
        before, rest = rest.split("[[", 1)
        inside, rest = rest.split("]]", 1)
        value, kind = inside.rsplit("|", 1)
        parts += [before, (value, kind)]
    add(parts + [rest])

with open(os.path.join(here, "pii.jsonl"), "w", encoding="utf-8") as f:
    for row in rows:
        f.write(json.dumps(row, ensure_ascii=False) + "\n")
print(len(rows), "texts,", sum(len(r["spans"]) for r in rows), "spans,", sum(1 for r in rows if not r["spans"]), "without any")
