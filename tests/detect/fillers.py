"""What stands behind a Boltz prefix in public code without being a key, and what must not pass for it.

Each row is (body, what follows the run, shape, reason). Bodies seen behind the Boltz
prefixes come first, then bodies in the style of fillers for other vendors' keys. No row
holds a prefix: joined to one, some would be key-shaped literals.
"""

from __future__ import annotations

from boltz_keyscan.model.enums import Shape

P, S, C = Shape.PLACEHOLDER, Shape.SUSPECTED, Shape.CONFIRMED

SHORT = "body shorter than 20"
FEW = "few different characters"
RUN = "one character repeated"
GROUP = "one group repeated"
COUNTING = "counting run"
STOCK = "stock sequence"
WORD = "filler word"
WORDS = "plain words"
DATE = "date or time"
BARE = "prefix only"
MASK = "prefix and a mask"
TEMPLATE = "prefix and a template"
REGEX = "prefix and a regex"

FILLERS: tuple[tuple[str, str, Shape, str], ...] = (
    # Nothing between the prefix and what follows.
    ("", "", P, BARE),
    ("", '", "other', P, BARE),
    ("", ") return a", P, BARE),
    ("", "`", P, BARE),
    ("", '" + key', P, BARE),
    ("", "\\n", P, BARE),
    ("", "...", P, MASK),
    ("", "...   # from", P, MASK),
    ("", "\N{HORIZONTAL ELLIPSIS}", P, MASK),
    ("", "\\u2026", P, MASK),
    ("", "&hellip;", P, MASK),
    ("", "*", P, MASK),
    ("", "********", P, MASK),
    ("", "\N{BULLET}\N{BULLET}", P, MASK),
    ("", "\N{BLACK CIRCLE}", P, MASK),
    ("", "####", P, MASK),
    ("", "[REDACTED]", P, MASK),
    ("", "${KEY}", P, TEMPLATE),
    ("", "$KEY", P, TEMPLATE),
    ("", "$(openssl rand", P, TEMPLATE),
    ("", "{{ key }}", P, TEMPLATE),
    ("", "{body}", P, TEMPLATE),
    ("", "{0}", P, TEMPLATE),
    ("", "<your-key>", P, TEMPLATE),
    ("", "&lt;key&gt;", P, TEMPLATE),
    ("", "\\u003ckey", P, TEMPLATE),
    ("", "[your-key]", P, TEMPLATE),
    ("", "%s", P, TEMPLATE),
    ("", "%(key)s", P, TEMPLATE),
    ("", "#{key}", P, TEMPLATE),
    ("", "[A-Za-z0-9_-]{10", P, REGEX),
    ("", "([A-Za-z0-9_-]+)", P, REGEX),
    ("", "[0-9a-f]{32}", P, REGEX),
    ("", "[^\\s\"']+", P, REGEX),
    ("", "[\\w-]{43}", P, REGEX),
    ("", "[[:alnum:]]+", P, REGEX),
    ("", "\\w+", P, REGEX),
    ("", "\\\\S+", P, REGEX),
    ("", "(?:[A-Z]", P, REGEX),
    ("", ".*", P, REGEX),
    # Bodies too short to be a key, whatever they say.
    ("example", '"', P, SHORT),
    ("abc", '"', P, SHORT),
    ("not-a-real-secret", '"', P, SHORT),
    ("mcp-schema-only", '"', P, SHORT),
    ("1234567890abcdef", '"', P, SHORT),
    ("Qm9sdHo", "...", P, SHORT),
    ("xxxx", "${KEY}", P, SHORT),
    # One character, or hardly more.
    ("xxxxxxxxxxxxxxxxxxxxxxxx", '"', P, FEW),
    ("0000000000000000000000000000000000000000000", "", P, FEW),
    ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "", P, FEW),
    ("XXXX-XXXX-XXXX-XXXX-XXXX", "", P, FEW),
    ("00000000-0000-0000-0000-000000000000", "", P, FEW),
    ("_____________________________", "", P, FEW),
    ("FAKEFAKEFAKEFAKEFAKE", "", P, FEW),
    ("abc123abc123abc123abc123", "", P, FEW),
    # Padding.
    ("FAKE0000000000000000000000000000", "", P, FEW),
    ("FakeStripeAPIKey00000000", "", P, RUN),
    ("AbC9kQ2xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "", P, RUN),
    ("fakesecret-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "", P, RUN),
    # One group over and over.
    ("a9Kq2Zr8a9Kq2Zr8a9Kq2Zr8", "", P, GROUP),
    ("51H8xYz51H8xYz51H8xYz51H8xYz51H8xYz51H8xYz5", "", P, GROUP),
    ("1234567890abcdef1234567890abcdef", "", P, GROUP),
    ("123456789012345678901234", "", P, GROUP),
    ("deadbeefdeadbeefdeadbeefdeadbeef", "", P, FEW),
    # Counting.
    ("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "", P, COUNTING),
    ("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "", P, COUNTING),
    ("aBcDeFgHiJkLmNoPqRsTuVwXyZ012345", "", P, COUNTING),
    ("AAAABBBBCCCCDDDDEEEEFFFFGGGG", "", P, COUNTING),
    ("abc123def456ghi789jkl012mno345pqr678stu901vwx234yz", "", P, COUNTING),
    ("a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6", "", P, COUNTING),
    ("9876543210zyxwvutsrqponm", "", P, COUNTING),
    # A known run at the front of something made up.
    ("0123456789abcdef_SuperValue_x9Kq2Z", "", P, STOCK),
    ("deadbeefcafebabe4f1d9a73", "", P, STOCK),
    ("qwertyuiopZ9k2Lm4vB7nQ", "", P, STOCK),
    ("KEY123456789012345678", "", P, COUNTING),
    # Filler words in a body that is not all words.
    ("FAKEKEY1a9f35d7c0e2b4", "", P, WORD),
    ("FakeKeyForUnitTests9z8Y7x6W", "", P, WORD),
    ("ExampleGitHubTokenForTesting001", "", P, WORD),
    ("yourSecretKeyGoesHere2025zQ", "", P, WORD),
    ("Wq3EXAMPLEkLm9zR7bT2vXc5", "", P, WORD),
    ("wJalrXUtnFEMIaK7MDENGabPxRfiCYaaEXAMPLEKEYs", "", P, WORD),
    ("this_is_not_aRealKey_0a1Z", "", P, WORD),
    # Words and numbers, nothing else.
    ("YOUR_API_KEY_HERE_PLEASE", '"', P, WORD),
    ("your-actual-key-here-please", '"', P, WORD),
    ("REPLACE_WITH_YOUR_SECRET_KEY", '"', P, WORD),
    ("fake_key_for_demo_purposes_only_1234567890", "", P, WORD),
    ("key-that-belongs-to-nobody", "", P, WORDS),
    ("boltz2-docs-page-three-v2", "", P, WORDS),
    ("A_WORKSPACE_CREDENTIAL", "", P, WORDS),
    ("Ask-An-Admin-For-The-Credential-Of-Today", "", P, WORDS),
    ("thequickbrownfoxjumps", "", P, WORDS),
    # Dates and times, as names of files and of jobs have them.
    ("2026-01-02T03-04-05Z", "", P, DATE),
    ("2026_01_02T03_04_05Z", "", P, DATE),
    ("20260102T030405Z-backup", "", P, DATE),
    ("2026-01-02T03-04-05-123Z", "", P, DATE),
    ("2026-01-02T03-04-05-0800", "", P, DATE),
    ("backup2026-01-02T03-04-05Z", "", P, DATE),
    ("run1767322800500abcdefg", "", P, DATE),
    ("1999-12-31T23-59-59Z", "", P, DATE),
    ("2026-11-25T10-15-30-123456789Z", "", P, DATE),
    ("job_12345_2026-01-02T03-04-05Z", "", P, DATE),
    ("20260102T030405UTCfull", "", P, DATE),
    ("20260102T030405UTC0200fold", "", P, DATE),
    ("20260102030405123456", "", P, WORDS),
    ("job-1767322800-fold-run1", "", P, WORDS),
)

KEYS: tuple[tuple[str, str, Shape, str], ...] = (
    # ``{43}`` and the like stand for that many characters of a random body.
    ("{43}", "", C, "43 characters, ends as a 32-byte value can"),
    ("{43}", "...", C, "43 characters, ends as a 32-byte value can"),
    ("{43}", " # example, redacted", C, "43 characters, ends as a 32-byte value can"),
    ("{43}_example", "", S, "43 characters, then text glued on"),
    ("{43}_old", "", S, "43 characters, then text glued on"),
    ("{43}-placeholder-xxxxxxxxxxxxxxxxxxxx", "", S, "43 characters, then text glued on"),
    ("{43}_YOUR_API_KEY_HERE", "", S, "43 characters, then text glued on"),
    ("{43}--", ">", S, "43 characters, then text glued on"),
    ("{43}0", "", S, "43 characters, then text glued on"),
    ("{42}B", "", S, "43 characters, ends as no 32-byte value can"),
    ("{42}B_example", "", S, "longer than 43 characters"),
    ("{42}", "", S, "shorter than 43 characters"),
    ("{20}", "", S, "shorter than 43 characters"),
    ("{22}", "...", S, "cut short by a mask"),
    ("{22}", "***", S, "cut short by a mask"),
    ("{32}_example", "", S, "shorter than 43 characters"),
    ("{24}00000000", "", S, "shorter than 43 characters"),
    ("test_{32}", "", S, "shorter than 43 characters"),
    ("{19}", "", P, SHORT),
)
"""What must stay a finding, whatever it says around the random part."""
