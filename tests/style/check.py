#!/usr/bin/python3
"""The style checks: what HACKING.md asks of the code, measured. Each check is one counted case.

check.py [--junitxml FILE] [--build DIRECTORY] [CHECK...]
"""
import argparse
import ast
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
from results import Case, write_junit  # noqa: E402  pylint: disable=wrong-import-position

# The layers from the bottom up; those in one set stand side by side and do not see each other.
LAYERS = [{"base"}, {"kernel"}, {"spec"}, {"plan"},
          {"rootfs", "cgroup", "seccomp", "confine"}, {"process"}, {"state"}, {"verbs"}]

# What the pure layers (spec, plan) may include of the system: ISO C, and headers that are wanted for
# their constants and structures alone (CLONE_*, MS_*, RLIMIT_*, S_IF*, signal numbers, makedev).
# That no function of them is called is checked on the object files.
PURE_HEADERS = {
    "assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h",
    "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "strings.h", "time.h",
    "sched.h", "signal.h", "sys/types.h", "sys/mount.h", "sys/resource.h", "sys/stat.h",
    "sys/sysmacros.h", "sys/personality.h", "sys/capability.h",
}

# Functions that ask or change the system; the pure layers' object files must not refer to them.
SYSTEM_CALLS = set("""
access accept bind capget capset chdir chmod chown chroot clock_gettime clone close connect creat dup
dup2 dup3 execv execve execvp faccessat fchdir fchmod fchmodat fchown fchownat fcntl fdopen fdopendir
fopen fopen64 fork freopen fstat fstatat fstatfs ftruncate getcwd getegid getenv geteuid getgid
getgrnam getgroups gethostname getpid getppid getpwnam getpwuid getrandom getrlimit getrlimit64
getsockopt gettimeofday getuid getxattr ioctl kill lchown link linkat listen lseek lstat mkdir mkdirat
mkfifo mknod mknodat mkostemp mkstemp mmap mount mprotect open open64 open_by_handle_at openat
openat64 opendir personality pipe pipe2 pivot_root poll popen ppoll prctl pread printf prlimit puts
pwrite raise read readdir readlink readlinkat readv realpath recvmsg rename renameat renameat2 rmdir
sched_getaffinity sched_setaffinity secure_getenv select sendmsg setegid setenv seteuid setgid
setgroups sethostname setns setpgid setresgid setresuid setrlimit setsid setuid sigaction signal
socket socketpair stat statfs statvfs symlink symlinkat syscall sysconf system time truncate umask
umount umount2 uname unlink unlinkat unshare utimensat vfork vprintf wait waitid waitpid write writev
cap_get_proc cap_set_proc cap_get_bound cap_drop_bound cap_set_ambient
""".split())
# Of the kernel layer the pure layers may call what only looks at the record of capabilities.
PURE_KERNEL_CALLS = {"probe_each", "probe_switch_off"}

# (lines of a function: at most, for 99 of 100; lines of a file: at most, warned; parameters)
FUNCTION_MAX, FUNCTION_P99, FILE_MAX, FILE_WARN, PARAMETERS_MAX = 100, 80, 800, 600, 5

WORD_OPEN = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
# Without the attribute struct error's functions, __attribute__ and our own _must_check_ end a line.
CONTROL = {"if", "for", "while", "switch", "return", "sizeof", "do", "else"}


class Skip(Exception):
    """A check that cannot run here, with the reason."""


def all_files():
    """Every file of the project, relative to its top; builds and caches left out."""
    found = []
    for directory, names, files in os.walk(TOP):
        names[:] = sorted(n for n in names if n not in {".git", "__pycache__", ".pytest_cache"}
                          and not (directory == TOP and n.startswith("build")))
        found += [os.path.relpath(os.path.join(directory, f), TOP) for f in sorted(files)
                  if not f.endswith(".pyc")]
    return found


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as file:
        return file.read()


# seeds of the fuzzer are bytes, not text
FILES = [f for f in all_files() if not f.startswith("tests/fuzz/corpus/")]
C_FILES = [f for f in FILES if f.endswith((".c", ".h"))]
PRODUCT = [f for f in C_FILES if f.startswith(("libcontainer/", "src/"))]


def without_comments(text):
    """C text with comments and the insides of strings blanked; lines stay where they are."""
    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text,
                  flags=re.S)


def functions(path):
    """(name, first line, number of lines, signature) of every function definition."""
    lines = without_comments(read(path)).split("\n")
    found = []
    for index, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        start = index
        while start > 0 and lines[start - 1].strip() and not lines[start - 1].startswith(
                ("}", "#")) and not lines[start - 1].rstrip().endswith(";"):
            start -= 1
        signature = " ".join(lines[start:index])
        match = re.search(r"(\w+)\s*\(", signature)
        end = next((i for i in range(index, len(lines)) if lines[i].rstrip() == "}"), index)
        if match and end > index:
            found.append((match.group(1), start + 1, end - start + 1, signature))
    return found


def parameters(signature):
    """The parameters of a signature, without the error record and a variable argument list."""
    start = signature.index("(")
    depth, parts, current = 0, [], ""
    for character in signature[start:]:
        if character == "(":
            depth += 1
            if depth == 1:
                continue
        elif character == ")":
            depth -= 1
            if depth == 0:
                break
        if character == "," and depth == 1:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    parts = [p.strip() for p in parts]
    return [p for p in parts if p and p not in {"void", "..."}
            and not re.match(r"struct error \*", p)]


def prototypes(path):
    """(name, first line, text) of every function declared in a header."""
    text = without_comments(read(path))
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                  text, flags=re.M)
    found = []
    pattern = re.compile(r"^(?:[A-Za-z_][\w \t\*]*?[ \t\*])(\w+)\((?=[^;{]*\)[^;{}]*;)[^;{]*;", re.M)
    for match in pattern.finditer(text):
        if match.group(0).startswith(("typedef", "static", "struct {", "return")):
            continue
        if match.group(1) in CONTROL:
            continue
        found.append((match.group(1), text.count("\n", 0, match.start()) + 1, match.group(0)))
    return found


def rank(layer):
    return next((i for i, names in enumerate(LAYERS) if layer in names), None)


def check_layers():
    """each layer includes only what stands below it"""
    for path in PRODUCT:
        parts = path.split("/")
        own = parts[1] if parts[0] == "libcontainer" and len(parts) > 2 else None
        if own and rank(own) is None:
            yield f"{path}: {own} is no layer"
            continue
        for number, line in enumerate(read(path).split("\n"), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not match or "/" not in match.group(1) or own is None:
                continue
            other = match.group(1).split("/")[0]
            if rank(other) is None:
                yield f"{path}:{number}: {other} is no layer"
            elif other != own and rank(other) >= rank(own):
                yield f"{path}:{number}: {own} must not include {match.group(1)}"


def check_include_form():
    """headers of ours are included by their path from libcontainer/"""
    for path in PRODUCT:
        for number, line in enumerate(read(path).split("\n"), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not match or match.group(1) == "config.h":
                continue
            target = match.group(1)
            if rank(target.split("/")[0]) is None and target != "libcontainer.h" and not (
                    path.startswith("src/") and os.path.exists(os.path.join(TOP, "src", target))):
                yield f"{path}:{number}: {target} does not say its layer"


def check_pure_headers():
    """spec and plan include no header that is for system calls"""
    for path in PRODUCT:
        if not path.startswith(("libcontainer/spec/", "libcontainer/plan/")):
            continue
        for number, line in enumerate(read(path).split("\n"), 1):
            match = re.match(r"\s*#\s*include\s*([<\"])([^>\"]+)", line)
            if not match:
                continue
            name = match.group(2)
            if match.group(1) == "<" and name not in PURE_HEADERS \
                    and not name.startswith("linux/"):
                yield f"{path}:{number}: <{name}> is for system calls"
            elif match.group(1) == '"' and name.startswith("kernel/") \
                    and name not in {"kernel/probe.h", "kernel/uapi.h"}:
                yield f"{path}:{number}: {name} makes system calls"


def symbols(build, prefix, option):
    """Names from nm of the object files of one folder (None: nothing was built)."""
    directory = os.path.join(TOP, build, "libcore.a.p")
    objects = [os.path.join(directory, f) for f in os.listdir(directory)
               if f.startswith("libcontainer_" + prefix) and f.endswith(".o")] \
        if os.path.isdir(directory) else []
    found = {}
    for path in objects:
        source = os.path.basename(path)[:-2].replace("_", "/", 2)
        if not os.path.exists(os.path.join(TOP, source)):
            continue
        out = subprocess.run(["nm", option, path], capture_output=True, text=True, check=True).stdout
        found[source] = {re.sub(r"@.*|^_+(.*)_chk$", r"\1", line.split()[-1])
                         for line in out.splitlines() if line.split()}
    return found


def check_pure_objects(build):
    """the compiled spec and plan refer to no system call"""
    if not shutil.which("nm") or not os.path.isdir(os.path.join(TOP, build, "libcore.a.p")):
        raise Skip("no build or no nm")
    forbidden = set(SYSTEM_CALLS)
    for defined in list(symbols(build, "kernel_", "--defined-only").values()) + \
            list(symbols(build, "base_fd.c", "--defined-only").values()):
        forbidden |= defined
    forbidden -= PURE_KERNEL_CALLS
    for layer in ("spec_", "plan_"):
        for source, names in symbols(build, layer, "--undefined-only").items():
            for name in sorted(names & forbidden):
                yield f"{source}: refers to {name}()"


def check_function_length():
    """functions under 80 lines (99 of 100), none over 100"""
    lengths = []
    for path in C_FILES:
        for name, line, length, _ in functions(path):
            lengths.append((length, f"{path}:{line}: {name}() has {length} lines"))
    lengths.sort()
    for length, text in lengths:
        if length > FUNCTION_MAX:
            yield f"{text}, more than {FUNCTION_MAX}"
    long = [text for length, text in lengths if FUNCTION_P99 <= length <= FUNCTION_MAX]
    allowed = len(lengths) // 100
    if len(long) > allowed:
        yield f"{len(long)} functions of {len(lengths)} have {FUNCTION_P99} lines or more: " + \
            "; ".join(long)


def check_file_length():
    """files of at most 800 lines"""
    for path in C_FILES + [f for f in FILES if f.endswith(".py")]:
        lines = read(path).count("\n")
        if lines > FILE_MAX:
            yield f"{path}: {lines} lines, more than {FILE_MAX}"
        elif lines > FILE_WARN:
            print(f"note: {path} has {lines} lines, more than {FILE_WARN}")


def check_parameters():
    """at most 5 parameters besides the error record"""
    for path in PRODUCT:
        declared = [(n, l, s) for n, l, _, s in functions(path)]
        if path.endswith(".h"):
            declared += prototypes(path)
        for name, line, signature in declared:
            count = len(parameters(signature[signature.index(name):]))
            # a wrapper of one system call has the parameters of that call (six at most in Linux)
            most = 6 if path.startswith("libcontainer/kernel/") else PARAMETERS_MAX
            if count > most:
                yield f"{path}:{line}: {name}() has {count} parameters"


def check_documented():
    """functions declared in headers have a comment above them or their group"""
    for path in PRODUCT:
        if not path.endswith(".h"):
            continue
        lines = read(path).split("\n")
        for name, line, _ in prototypes(path):
            if name.startswith("cleanup_"):
                continue
            first = line - 1
            while first > 0 and lines[first - 1].strip():
                first -= 1
            if not any("*/" in text or text.lstrip().startswith("//")
                       for text in lines[first:line - 1]):
                yield f"{path}:{line}: {name}() has no comment directly above it or its group"


def check_opening_comment():
    """each .c opens with a comment of 3 to 10 lines (tests: 1 to 10)"""
    for path in C_FILES:
        if not path.endswith(".c"):
            continue
        match = re.match(r"/\*.*?\*/", read(path), flags=re.S)
        least = 3 if path in PRODUCT else 1
        count = match.group(0).count("\n") + 1 if match else 0
        if not least <= count <= 10:
            yield f"{path}: opens with a comment of {count} lines"


def check_no_goto():
    """no goto, no typedef of a struct"""
    for path in PRODUCT:
        for number, line in enumerate(without_comments(read(path)).split("\n"), 1):
            if re.search(r"\bgoto\b", line):
                yield f"{path}:{number}: goto; use a cleanup attribute"
            if re.search(r"\btypedef\s+(struct|union|enum)\b", line):
                yield f"{path}:{number}: typedef of a {line.split()[1]}"


def check_cloexec():
    """descriptors are born close-on-exec"""
    call = re.compile(r"(?<![\w.>])(open|openat|fopen|socket|socketpair|accept|accept4|pipe|pipe2|dup"
                      r"|memfd_create|epoll_create1|eventfd|inotify_init1)\s*\(")
    bare = {"accept", "pipe", "dup"}
    for path in PRODUCT:
        original = read(path)
        text = without_comments(original)
        for match in call.finditer(text):
            statement = original[match.start():text.find(";", match.start())]
            name = match.group(1)
            if name in bare or not re.search(r"CLOEXEC|\"[rwa][b+]*e[b+]*\"|\bflags\b", statement):
                yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {name}() without CLOEXEC"


def check_unsafe_calls():
    """no unbounded string functions, no shell, no printing or exiting in the library"""
    unsafe = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|system|popen|alloca|atoi|"
                        r"tmpnam|mktemp|getpwnam|getpwuid|getgrnam|getgrgid)\s*\(")
    loud = re.compile(r"(?<![\w.>])(printf|puts|perror|exit|abort|vprintf)\s*\(")
    for path in PRODUCT:
        for number, line in enumerate(without_comments(read(path)).split("\n"), 1):
            for match in unsafe.finditer(line):
                yield f"{path}:{number}: {match.group(1)}()"
            if path.startswith("libcontainer/"):
                for match in loud.finditer(line):
                    yield f"{path}:{number}: {match.group(1)}() in the library"


def check_left_open():
    """no marks of unfinished work"""
    for path in FILES:
        if path.startswith(("tests/data/", "LICENSE")):
            continue
        for number, line in enumerate(read(path).split("\n"), 1):
            if WORD_OPEN.search(line):
                yield f"{path}:{number}: {line.strip()[:80]}"


def check_whitespace():
    """no trailing white space, files end with a newline"""
    for path in FILES:
        if path.startswith("tests/data/") or path == "LICENSE":
            continue
        text = read(path)
        if "\0" in text:
            continue
        if text and not text.endswith("\n"):
            yield f"{path}: no newline at its end"
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield f"{path}:{number}: trailing white space"


def check_formatted():
    """clang-format 14 would change nothing"""
    tool = shutil.which("clang-format-14")
    if not tool:
        raise Skip("clang-format-14 is not installed (this release may not have it)")
    done = subprocess.run([tool, "--dry-run", "-Werror"] + C_FILES, cwd=TOP, text=True,
                          stderr=subprocess.PIPE, check=False)
    yield from (line for line in done.stderr.splitlines() if "error:" in line)
    if done.returncode and "error:" not in done.stderr:
        yield done.stderr.strip()


def scripts(*interpreters):
    """The files whose first line names one of the interpreters."""
    for path in FILES:
        first = read(path).split("\n", 1)[0]
        if first.startswith("#!") and re.split(r"[/ ]", first)[-1] in interpreters:
            yield path


def check_shell():
    """shellcheck finds nothing"""
    if not shutil.which("shellcheck"):
        raise Skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", "--format=gcc"] + list(scripts("sh", "bash")), cwd=TOP,
                          stdout=subprocess.PIPE, text=True, check=False)
    yield from done.stdout.splitlines()


def check_python():
    """Python files parse, and scripts use Debian's interpreter"""
    for path in FILES:
        first = read(path).split("\n", 1)[0]
        if path.endswith(".py") or "python" in first[:40] and first.startswith("#!"):
            try:
                ast.parse(read(path))
            except SyntaxError as error:
                yield f"{path}: {error}"
            if first.startswith("#!") and first != "#!/usr/bin/python3":
                yield f"{path}: {first}"


def check_man():
    """manual pages have no faults, and no quotes that a macro eats: \\(dq prints one"""
    pages = [f for f in FILES if re.fullmatch(r"man/[\w-]+\.[1-8]", f)]
    if not pages:
        raise Skip("no manual pages yet")
    if not shutil.which("mandoc"):
        raise Skip("mandoc is not installed")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"] + pages, cwd=TOP, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    yield from done.stdout.splitlines()
    for page in pages:
        for number, line in enumerate(read(page).split("\n"), 1):
            if re.match(r'\.(Dl|D1|Ql|Li)\b.*"|\.(Pq )?Ql .* (No|,) \S', line):
                yield f"{page}:{number}: {line}"


def properties_of_spec():
    """The names of all properties that the decoder knows."""
    for path in FILES:
        if path.startswith("libcontainer/spec/") and path.endswith(".c"):
            for name in re.findall(r'(?:\bF_\w+\(\s*\w+,\s*|\.name = )"(\w+)"', read(path)):
                yield path, name


def check_config_documented():
    """tare-config(5) speaks of every property that the decoder knows"""
    words = set(re.findall(r"\w+", read("man/tare-config.5")))
    for path, name in properties_of_spec():
        if name not in words:
            yield f"{path}: {name} is not in man/tare-config.5"


def check_options_documented(build):
    """every option that a verb's --help shows is on the manual page of that verb"""
    tare = os.path.join(TOP, build, "src/tare")
    if not os.path.exists(tare):
        raise Skip("no build")

    def help_of(*words):
        return subprocess.run([tare, *words, "--help"], capture_output=True, text=True,
                              check=True).stdout

    verbs = re.findall(r"^   (\w[\w-]*)  ", help_of().split("COMMANDS:")[1], re.M)
    for verb in [None] + verbs:
        page = f"man/tare-{verb}.1" if verb else "man/tare.1"
        if page not in FILES:
            yield f"{page} is missing"
            continue
        if verb and f".It Xr tare-{verb} 1" not in read("man/tare.1"):
            yield f"man/tare.1: does not name tare-{verb}"
        for option in re.findall(r"^   --([\w-]+)", help_of(*filter(None, [verb])), re.M):
            if not re.search(rf"^\.It Fl (.* , (Fl )?)?-{option}\b", read(page), re.M):
                yield f"{page}: has no --{option}"


def check_sealed_verbs():
    """the verbs that run from a sealed copy are the same in src/main.c and src/entry.c"""
    table = set(re.findall(r'\{ "(\w+)", "[^"]*",\s*\w+,\s*true \}', read("src/main.c")))
    named = set(re.findall(r'equal\(word, "(\w+)"\)', read("src/entry.c")))
    if not table or table != named:
        yield f"src/main.c: {sorted(table)}, src/entry.c: {sorted(named)}"


def check_documents():
    """what the documents tell to run or to read exists"""
    documents = [f for f in FILES if f.endswith(".md") and not f.startswith("tests/data/")]
    for path in documents:
        text = read(path)
        for command in re.findall(r"(?:sudo |\./|^)((?:contrib|tests|\.ci)/[\w./-]+)", text, re.M):
            full = os.path.join(TOP, command.rstrip("."))
            if not os.path.exists(full):
                yield f"{path}: {command} does not exist"
            elif os.path.isfile(full) and not os.access(full, os.X_OK):
                yield f"{path}: {command} is not executable"
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            if not os.path.exists(os.path.join(TOP, os.path.dirname(path), target)):
                yield f"{path}: link to {target}, which does not exist"


def run(name, check, build):
    """Runs one check. Returns its case."""
    try:
        problems = list(check(build) if check.__code__.co_argcount else check())
    except Skip as skip:
        return Case("skipped", name, str(skip))
    if problems:
        return Case("failed", name, "\n".join(problems))
    return Case("passed", name, "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--junitxml")
    parser.add_argument("--build", default="build")
    parser.add_argument("checks", nargs="*")
    arguments = parser.parse_args()
    cases = []
    for name, check in sorted(globals().items()):
        if not name.startswith("check_"):
            continue
        name = name[len("check_"):]
        if arguments.checks and name not in arguments.checks:
            continue
        case = run(name, check, arguments.build)
        cases.append(case)
        print(f"{case.status:8} {name}: {check.__doc__}")
        for line in case.text.split("\n") if case.text else ():
            print(f"         {line}")
    if arguments.junitxml:
        write_junit(arguments.junitxml, "style", cases)
    return 1 if any(case.status == "failed" for case in cases) or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
