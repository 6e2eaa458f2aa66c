/* Kernel constants and structures that the libc headers of supported distributions may lack, each
 * with the version that brought it. Values are kernel ABI and never change. */
#pragma once

#include <linux/types.h>
#include <sys/syscall.h>

#ifndef __NR_open_tree_attr
#define __NR_open_tree_attr \
	467 /* Linux 6.15, the same number on every architecture but alpha */
#endif

#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452 /* Linux 6.6, the same number on every architecture but alpha */
#endif

#ifndef __NR_process_mrelease
#define __NR_process_mrelease \
	448 /* Linux 5.15, the same number on every architecture but alpha */
#endif

/* madvise(2): Linux 5.14 */
#define TARE_MADV_POPULATE_WRITE 23

/* open_tree(2), move_mount(2), fsopen(2), fsmount(2): Linux 5.2 */
#define TARE_OPEN_TREE_CLONE 1
#define TARE_OPEN_TREE_NAMESPACE (1 << 1) /* Linux 7.0 */
#define TARE_OPEN_TREE_CLOEXEC 02000000
#define TARE_AT_RECURSIVE 0x8000
#define TARE_MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#define TARE_MOVE_MOUNT_T_EMPTY_PATH 0x00000040
#define TARE_FSOPEN_CLOEXEC 1
#define TARE_FSMOUNT_CLOEXEC 1
#define TARE_FSPICK_CLOEXEC 0x00000001
#define TARE_FSPICK_EMPTY_PATH 0x00000008
#define TARE_FSCONFIG_SET_FLAG 0
#define TARE_FSCONFIG_SET_STRING 1
#define TARE_FSCONFIG_SET_FD 5
#define TARE_FSCONFIG_CMD_CREATE 6
#define TARE_FSCONFIG_CMD_RECONFIGURE 7

/* mount_setattr(2): Linux 5.12 */
#define TARE_MOUNT_ATTR_RDONLY 0x00000001
#define TARE_MOUNT_ATTR_NOSUID 0x00000002
#define TARE_MOUNT_ATTR_NODEV 0x00000004
#define TARE_MOUNT_ATTR_NOEXEC 0x00000008
#define TARE_MOUNT_ATTR__ATIME 0x00000070
#define TARE_MOUNT_ATTR_RELATIME 0x00000000
#define TARE_MOUNT_ATTR_NOATIME 0x00000010
#define TARE_MOUNT_ATTR_STRICTATIME 0x00000020
#define TARE_MOUNT_ATTR_NODIRATIME 0x00000080
#define TARE_MOUNT_ATTR_IDMAP 0x00100000
#define TARE_MOUNT_ATTR_NOSYMFOLLOW 0x00200000 /* Linux 5.14 */

struct tare_mount_attr {
	__u64 attr_set;
	__u64 attr_clr;
	__u64 propagation;
	__u64 userns_fd;
};

/* openat2(2): Linux 5.6 */
#define TARE_RESOLVE_NO_XDEV 0x01
#define TARE_RESOLVE_NO_MAGICLINKS 0x02
#define TARE_RESOLVE_NO_SYMLINKS 0x04
#define TARE_RESOLVE_BENEATH 0x08
#define TARE_RESOLVE_IN_ROOT 0x10

struct tare_open_how {
	__u64 flags;
	__u64 mode;
	__u64 resolve;
};

/* clone3(2) */
#define TARE_CLONE_PIDFD 0x00001000
#define TARE_CLONE_NEWTIME 0x00000080
#define TARE_CLONE_CLEAR_SIGHAND 0x100000000ULL /* Linux 5.5 */
#define TARE_CLONE_INTO_CGROUP 0x200000000ULL /* Linux 5.7 */

struct tare_clone_args {
	__aligned_u64 flags;
	__aligned_u64 pidfd;
	__aligned_u64 child_tid;
	__aligned_u64 parent_tid;
	__aligned_u64 exit_signal;
	__aligned_u64 stack;
	__aligned_u64 stack_size;
	__aligned_u64 tls;
	__aligned_u64 set_tid;
	__aligned_u64 set_tid_size;
	__aligned_u64 cgroup;
};

/* memfd_create(2): MFD_EXEC and MFD_NOEXEC_SEAL are Linux 6.3 */
#define TARE_MFD_EXEC 0x0010U

#define TARE_CLOSE_RANGE_CLOEXEC (1U << 2) /* Linux 5.11 */

/* ioctl_ns(2) */
#define TARE_NS_GET_NSTYPE 0xb703

/* ioctl(2) on a pidfd, PIDFD_GET_INFO: Linux 6.13; PIDFD_INFO_EXIT: 6.15 */
#define TARE_PIDFD_INFO_EXIT (1ULL << 3)
#define TARE_PIDFD_GET_INFO _IOWR(0xff, 11, struct tare_pidfd_info)

struct tare_pidfd_info {
	__u64 mask;
	__u64 cgroupid;
	__u32 pid, tgid, ppid;
	__u32 ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	__s32 exit_code; /* as waitpid(2) gives it */
};

/* The inode number of the initial cgroup namespace, from linux/proc_ns.h */
#define TARE_PROC_CGROUP_INIT_INO 0xEFFFFFFBU

/* Magic numbers of file systems, from linux/magic.h */
#define TARE_PROC_SUPER_MAGIC 0x9fa0
#define TARE_SYSFS_MAGIC 0x62656572
#define TARE_DEVPTS_SUPER_MAGIC 0x1cd1
#define TARE_CGROUP2_SUPER_MAGIC 0x63677270
#define TARE_TMPFS_MAGIC 0x01021994
#define TARE_NSFS_MAGIC 0x6e736673
#define TARE_PID_FS_MAGIC 0x50494446 /* Linux 6.9 */

#define TARE_FD_PIDFS_ROOT \
	(-10002) /* Linux 6.17 or so: open_by_handle_at() on a pidfs handle */
