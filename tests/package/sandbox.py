"""sandbox.py UNIT [filtered]: runs the ExecStart of a unit as systemd would, as far as that goes without one.

UNIT is a JSON object of the unit's settings, each a list of its values, and in "calls" the names of the system calls that
its SystemCallFilter allows. Runs as root, in a mount namespace and a UTS namespace of its own (unshare --mount --uts): the
first time what needs root is set, then setpriv takes the rights away, and the second time (`filtered`) the rest follows.
"""

import ctypes
import errno
import json
import os
import resource
import subprocess
import sys

WRITE, EXECUTE = 2, 4  # PROT_WRITE, PROT_EXEC
NAMESPACES = {
    "cgroup": 0x02000000,
    "ipc": 0x08000000,
    "net": 0x40000000,
    "mnt": 0x00020000,
    "pid": 0x20000000,
    "user": 0x10000000,
    "uts": 0x04000000,
}
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17, "AF_XDP": 44}
# Nodes of /dev that PrivateDevices= leaves (systemd.exec(5)).
DEVICES = ["null", "zero", "full", "random", "urandom", "tty"]


# Settings that are not applied here, and why.
NOT_HERE = {
    "when it is started and ended": ["Type", "ExecReload", "Restart", "RestartSec", "TimeoutStopSec"],
    "of the service manager's keys, IPC and cgroups": ["KeyringMode", "RemoveIPC", "DevicePolicy"],
    "by unshare(1), who starts this": ["PrivateMounts", "ProtectHostname"],
    "the calls that it refuses are not in SystemCallFilter, its devices not in /dev": [
        "ProtectClock",
        "ProtectKernelLogs",
        "RestrictRealtime",
    ],
    "not every container may": ["OOMScoreAdjust"],
    "libseccomp's way": ["SystemCallArchitectures"],
    "modes of files, which UMask has": ["RestrictSUIDSGID"],
    "the test makes `calls` of it": ["SystemCallFilter"],
}


class Unit:
    """The settings; whoever asks for one applies it."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.settings = json.load(file)
        self.asked = {"calls"}

    def assert_all_asked(self):
        """A setting that the unit gets must be applied, or stand above."""
        known = self.asked.union(*NOT_HERE.values())
        assert known == set(self.settings), sorted(known.symmetric_difference(self.settings))

    def all(self, name):
        """All words of a setting, those that later lines add included."""
        self.asked.add(name)
        return [word for value in self.settings.get(name, []) for word in value.split(" ")]

    def last(self, name):
        self.asked.add(name)
        return self.settings[name][-1] if name in self.settings else None

    def is_on(self, name):
        return self.last(name) in ("yes", "strict", "invisible", "private", "closed")


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def points():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return [line.split(" ")[4] for line in file]


def is_below(path, folder):
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def read_only(folder, but=()):
    """All that is mounted at a folder and below it, but at some folders."""
    for point in points():
        if is_below(point, folder) and not any(is_below(point, other) for other in but):
            mount("-o", "remount,bind,ro", point)


def hide(*folders):
    for folder in folders:
        if os.path.isdir(folder):
            mount("-t", "tmpfs", "-o", "ro,mode=0", "hidden", folder)


def private_devices():
    # They are kept by another name until the new /dev has them.
    mount("-t", "tmpfs", "kept", "/mnt")
    for name in DEVICES:
        open(f"/mnt/{name}", "w", encoding="utf-8").close()
        mount("--bind", f"/dev/{name}", f"/mnt/{name}")
    mount("-t", "tmpfs", "-o", "mode=755,noexec,nosuid", "dev", "/dev")
    for name in DEVICES:
        open(f"/dev/{name}", "w", encoding="utf-8").close()
        mount("--move", f"/mnt/{name}", f"/dev/{name}")
    subprocess.run(["umount", "/mnt"], check=True)


def file_system(unit):
    state = "/var/lib/" + unit.last("StateDirectory")
    owner = unit.last("User")
    mode = unit.last("StateDirectoryMode")
    group = unit.last("Group")
    subprocess.run(["install", "-d", "-o", owner, "-g", group, "-m", mode, state], check=True)
    mount("--bind", state, state)
    if unit.is_on("PrivateDevices"):
        private_devices()
    if unit.is_on("ProtectProc"):
        mount("-t", "proc", "-o", "hidepid=" + unit.last("ProtectProc"), "proc", "/proc")
    writable = [state, "/dev", "/proc", "/sys"]
    if unit.is_on("PrivateTmp"):
        for folder in ("/tmp", "/var/tmp"):
            mount("-t", "tmpfs", "-o", "mode=1777", "tmp", folder)
            writable.append(folder)
    if unit.is_on("ProtectHome"):
        hide("/home", "/root", "/run/user")
    if unit.is_on("ProtectKernelModules"):
        hide("/usr/lib/modules")
    if unit.last("ProtectSystem") == "strict":
        read_only("/", writable)
    if unit.is_on("ProtectKernelTunables"):
        read_only("/sys", () if unit.is_on("ProtectControlGroups") else ["/sys/fs/cgroup"])
        mount("--bind", "/proc/sys", "/proc/sys")
        read_only("/proc/sys")


def process(unit):
    """What a process hands on to the program that it executes."""
    priority = os.sched_param(int(unit.last("CPUSchedulingPriority")))
    policy = {"rr": os.SCHED_RR}[unit.last("CPUSchedulingPolicy")]
    os.sched_setscheduler(0, policy, priority)
    # A container may not raise what it was given; CAP_IPC_LOCK, which the unit has too, makes that nothing.
    limit = {"infinity": resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]}[unit.last("LimitMEMLOCK")]
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = int(unit.last("LimitNOFILE"))
    files = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.umask(int(unit.last("UMask"), 8))
    os.chdir(unit.last("WorkingDirectory"))


def rights(unit):
    """The words of setpriv(1)."""

    def capabilities(name):
        return ",".join(["-all"] + [word.lower().replace("cap_", "+", 1) for word in unit.all(name)])

    ambient = capabilities("AmbientCapabilities")
    words = ["setpriv", "--reuid", unit.last("User"), "--regid", unit.last("Group"), "--clear-groups"]
    words += ["--inh-caps", ambient, "--ambient-caps", ambient]
    words += ["--bounding-set", capabilities("CapabilityBoundingSet")]
    return words + (["--no-new-privs"] if unit.is_on("NoNewPrivileges") else [])


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp of seccomp.h."""

    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


EQUAL, MASKED = 4, 7  # SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO


class Filter:
    """Refuses each system call that it has not been told to allow."""

    def __init__(self, error):
        self.library = ctypes.CDLL("libseccomp.so.2")
        self.library.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.library.seccomp_init(REFUSE | getattr(errno, error)))

    def rule(self, name, comparisons=(), action=ALLOW):
        number = self.library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return  # a call of other processors
        array = (Comparison * len(comparisons))(*comparisons)
        count = len(comparisons)
        failed = self.library.seccomp_rule_add_array(self.context, action, number, count, array)
        assert failed == 0, f"{name}: {os.strerror(-failed)}"

    def load(self):
        failed = self.library.seccomp_load(self.context)
        assert failed == 0, os.strerror(-failed)


def conditions(unit):
    """Calls that depend on an argument: each with the alternatives of which one must hold."""
    found = {}
    families = [FAMILIES[name] for name in unit.all("RestrictAddressFamilies")]
    found["socket"] = [[(0, EQUAL, family, 0)] for family in families]
    kinds = unit.all("RestrictNamespaces")
    allowed = sum(NAMESPACES[kind] for kind in kinds if kind != "yes")
    refused = sum(NAMESPACES.values()) & ~allowed
    found["clone"] = found["unshare"] = [[(0, MASKED, refused, 0)]]
    found["setns"] = [[(1, EQUAL, NAMESPACES[kind], 0)] for kind in kinds if kind != "yes"]
    if unit.is_on("MemoryDenyWriteExecute"):
        both = WRITE | EXECUTE
        found["mmap"] = [[(2, MASKED, both, some)] for some in (0, WRITE, EXECUTE)]
        found["mprotect"] = found["pkey_mprotect"] = [[(2, MASKED, EXECUTE, 0)]]
    if unit.is_on("LockPersonality"):
        found["personality"] = [[(0, EQUAL, value, 0)] for value in (0, 0xFFFFFFFF)]
    return found


def restrict(unit, rules):
    depending = conditions(unit)
    for name in unit.settings["calls"]:
        if name == "clone3":
            continue
        for alternative in depending.get(name, [[]]):
            rules.rule(name, [Comparison(*words) for words in alternative])
    # Its flags are out of a filter's sight: the C library is to take `clone`.
    rules.rule("clone3", action=REFUSE | errno.ENOSYS)
    rules.load()


def main():
    path = sys.argv[1]
    unit = Unit(path)
    command, error = unit.all("ExecStart"), unit.last("SystemCallErrorNumber")
    if sys.argv[2:] == ["filtered"]:
        restrict(unit, Filter(error))
        os.execv(command[0], command)
    file_system(unit)
    process(unit)
    words = rights(unit)
    conditions(unit)
    unit.assert_all_asked()
    os.execvp("setpriv", words + ["--", sys.executable, __file__, path, "filtered"])


main()
