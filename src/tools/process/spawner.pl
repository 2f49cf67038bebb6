# Starts commands, each in a PID namespace of its own, for one Planwright worker.
#
# A process of its own, because a fork of the worker copies the page tables of hundreds of megabytes (30 ms at
# 600 MB) and a fork of this one next to nothing. Perl, because it is on every Debian and can make system calls
# by number. No modules: loading POSIX would cost more than starting a command.
#
#   perl spawner.pl ARCH USERNS           ARCH as Node names it; USERNS 1: in a user namespace (needs no root)
#
# Requests come on standard input, each a 32-bit big-endian length and as many bytes, fields parted by NUL:
#   run  ID CWD STDOUT STDERR PROGRAM ARGC ARG… NAME=VALUE…
#   kill ID SIGNUMBER                     9 ends everything of ID; others go to the command's process group
# Answers go to standard output, one line each, written whole so that they never mix:
#   ready                                 once, when requests can be served
#   refused STAGE ERRNO                   once instead of `ready`
#   ID started PID TICKS                  the namespace's init, as /proc outside of it shows it
#   ID failed STAGE ERRNO                 no command came to be
#   ID ended STATUS                       the command's wait status
#   ID gone                               no process of ID is left: the last word on it
# End of input means that the worker is gone: this process ends, and the kernel kills every namespace it made.
use strict;
use warnings;

my ($arch, $in_user_namespace) = @ARGV;

my %numbers = (
    x64 => {
        clone => 56, execve => 59, exit_group => 231, fcntl => 72, mount => 165, prctl => 157,
        rt_sigprocmask => 14, setsid => 112, signalfd4 => 289, unshare => 272,
    },
    arm64 => {
        clone => 220, execve => 221, exit_group => 94, fcntl => 25, mount => 40, prctl => 167,
        rt_sigprocmask => 135, setsid => 157, signalfd4 => 74, unshare => 97,
    },
);
my $call = $numbers{$arch} or die "no system call numbers for $arch\n";

use constant {
    CLONE_NEWNS => 0x00020000, CLONE_NEWUSER => 0x10000000, CLONE_NEWPID => 0x20000000,
    F_SETFD => 2, FD_CLOEXEC => 1,
    SIGHUP => 1, SIGINT => 2, SIGKILL => 9, SIGTERM => 15, SIGCHLD => 17, SIGCONT => 18,
    MS_NOSUID => 2, MS_NODEV => 4, MS_NOEXEC => 8, MS_REC => 0x4000, MS_SLAVE => 0x80000,
    O_WRONLY => 1, O_CREAT => 0100, O_NOCTTY => 0400, O_APPEND => 02000,
    PR_SET_PDEATHSIG => 1, PR_SET_DUMPABLE => 4,
    SFD_CLOEXEC => 02000000, SIG_SETMASK => 2, WNOHANG => 1,
};

# Not `exit`: a forked copy must not flush or destroy what belongs to the original.
sub leave { syscall($call->{exit_group}, $_[0]) }

sub mask_of { my $bits = 0; $bits |= 1 << ($_ - 1) for @_; return pack('Q', $bits) }

sub block { my $mask = mask_of(@_); syscall($call->{rt_sigprocmask}, SIG_SETMASK, $mask, 0, 8) }

# What this process inherited by mistake (a descriptor the worker's own parent forgot to mark) stops here.
opendir(my $descriptors, '/proc/self/fd') or die "cannot read /proc/self/fd: $!\n";
for (readdir $descriptors) { syscall($call->{fcntl}, $_ + 0, F_SETFD, FD_CLOEXEC) if /^\d+$/ && $_ > 2 }
closedir($descriptors);

# A duplicate, so that standard output itself can be the command's. Perl marks it close-on-exec, as all above 2.
open(my $answers, '>&', \*STDOUT) or die "cannot duplicate standard output: $!\n";
sub answer { syswrite($answers, join(' ', @_) . "\n") }

# Signals are read, never handled: a handler in Perl runs between two operations and could come just before a
# wait that it was meant to end.
my @read_signals = (SIGHUP, SIGINT, SIGTERM, SIGCHLD);
block(@read_signals);
my $signal_fd = syscall($call->{signalfd4}, -1, my $signal_mask = mask_of(@read_signals), 8, SFD_CLOEXEC);
open(my $signals, '<&=', $signal_fd) or die "cannot read signals: $!\n";
sub next_signal { sysread($signals, my $info, 128) or return 0; return unpack('L', $info) }

sub write_file {
    my ($path, $text) = @_;
    open(my $file, '>', $path) or return 0;
    return syswrite($file, $text) && close($file);
}

# Dies with the worker, also when it cannot read its input.
syscall($call->{prctl}, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

if ($in_user_namespace) {
    # The caller's ids stay what they are; the rights to make namespaces end with the exec of the command.
    my ($uid, $gid) = ($>, $) + 0);
    my $refused = sub { answer('refused', $_[0], $! + 0); exit 1 };
    syscall($call->{unshare}, CLONE_NEWUSER) == 0 or $refused->('user-namespace');
    write_file('/proc/self/setgroups', 'deny') or $refused->('setgroups');
    write_file('/proc/self/uid_map', "$uid $uid 1") or $refused->('uid-map');
    write_file('/proc/self/gid_map', "$gid $gid 1") or $refused->('gid-map');
}

my $spawner = $$;
my (%init_of, %id_of);

# Namespaces that are ready for a command, each with its init's number and a pipe to it: making one takes longer than
# starting a command in it, and is done while nobody waits.
my @spares;
use constant SPARES => 2;

sub run {
    my ($id, $request) = @_;
    my $message = pack('N', length $request) . $request;
    while (my $spare = shift @spares || prepare()) {
        my ($init, $pipe) = @$spare;
        # Its end may have been killed while it waited.
        next if (syswrite($pipe, $message) // -1) != length $message;
        $init_of{$id} = $init;
        $id_of{$init} = $id;
        return;
    }
    answer($id, 'failed', 'clone', $! + 0);
    answer($id, 'gone');
}

# Makes a namespace whose init waits for a request. Returns it, or nothing with the reason in $!.
sub prepare {
    pipe(my $requests, my $pipe) or return;
    my $init = syscall($call->{clone}, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
    return if $init < 0;
    return [$init, $pipe] if $init;
    close($pipe);
    @spares = (); # their pipes are not for this one
    init($requests);
    leave(0);
}

sub reap {
    while ((my $pid = waitpid(-1, WNOHANG)) > 0) {
        @spares = grep { $_->[0] != $pid } @spares;
        my $id = delete $id_of{$pid};
        next unless defined $id;
        delete $init_of{$id};
        answer($id, 'gone');
    }
}

# Waits for the request that is meant for this namespace. Ends this process when none will come.
sub next_request {
    my ($requests) = @_;
    my $text = '';
    until (length $text >= 4 && length $text >= 4 + unpack('N', $text)) {
        sysread($requests, $text, 1 << 20, length $text) or leave(0);
    }
    my (undef, @request) = split /\0/, substr($text, 4), -1;
    return @request;
}

# PID 1 of a namespace: starts the command, passes signals on, reaps. When it ends the kernel kills all the rest.
sub init {
    my ($requests) = @_;
    my $failed = sub { my ($id) = next_request($requests); answer($id, 'failed', @_); leave(1) };
    # At once, and never free: whatever is opened next would take the number 0, and the command would read it.
    open(STDIN, '<', '/dev/null') or $failed->('stdin', $! + 0);
    $0 = 'planwright init'; # for `ps`

    syscall($call->{prctl}, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    # /proc is still the one outside, so it knows us by the number the worker can use. Fields 4 and 22 of stat;
    # the name, field 2, may hold anything but ends with the last parenthesis.
    open(my $file, '<', '/proc/self/stat') or $failed->('proc', $! + 0);
    sysread($file, my $stat, 4096);
    close($file);
    my ($pid) = $stat =~ /^(\d+)/;
    my @fields = split / /, substr($stat, rindex($stat, ')') + 2);
    my ($parent, $ticks) = @fields[1, 19];
    leave(1) if $parent != $spawner; # it died before the line above could bind us to it

    my ($none, $root, $proc, $target) = ('none', '/', 'proc', '/proc');
    # Slave: what is mounted outside later still appears here, and nothing the command mounts appears outside.
    syscall($call->{mount}, $none, $root, 0, MS_REC | MS_SLAVE, 0) == 0 or $failed->('mount', $! + 0);
    syscall($call->{mount}, $proc, $target, $proc, MS_NOSUID | MS_NODEV | MS_NOEXEC, 0) == 0
        or $failed->('mount-proc', $! + 0);
    # Keeps a command of the same user out of /proc/1: it could answer in our name.
    syscall($call->{prctl}, PR_SET_DUMPABLE, 0, 0, 0, 0);

    pipe(my $problem, my $report) or $failed->('pipe', $! + 0);
    my $command = fork();
    defined $command or $failed->('fork', $! + 0);
    if ($command == 0) {
        my ($id, $cwd, $stdout, $stderr, $program, $argc, @strings) = next_request($requests);
        syswrite($report, $id);
        my @arguments = splice(@strings, 0, $argc);
        my ($stage, $error) = become($cwd, $stdout, $stderr, $program, \@arguments, \@strings);
        syswrite($report, " $stage $error");
        leave(127);
    }
    close($report);
    close($requests);
    # Whose the command is, and what went wrong. It ends when the exec closes the other end: the command is there.
    my $words = '';
    1 while sysread($problem, $words, 256, length $words);
    my ($id, @trouble) = split / /, $words;
    leave(0) unless defined $id; # no request came
    if (@trouble) { answer($id, 'failed', @trouble); leave(1) }
    answer($id, 'started', $pid, $ticks);

    for (;;) {
        my $signal = next_signal();
        if ($signal == SIGCHLD) {
            while ((my $reaped = waitpid(-1, WNOHANG)) > 0) {
                if ($reaped == $command) { answer($id, 'ended', $?); leave(0) }
            }
        } else {
            # The group first; the command alone where it has left its group. A stopped one could not end.
            kill($signal, -$command) || kill($signal, $command);
            kill(SIGCONT, -$command) || kill(SIGCONT, $command);
        }
    }
}

# Turns this process into the command. Returns only when that failed: the stage and the error number.
sub become {
    my ($cwd, $stdout, $stderr, $program, $arguments, $environment) = @_;
    syscall($call->{setsid});
    sysopen(my $out, $stdout, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0600) or return ('stdout', $! + 0);
    sysopen(my $err, $stderr, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0600) or return ('stderr', $! + 0);
    open(STDOUT, '>&', $out) or return ('stdout', $! + 0);
    open(STDERR, '>&', $err) or return ('stderr', $! + 0);
    chdir($cwd) or return ('chdir', $! + 0);
    # What this process inherited or set must not reach the command: Perl ignores SIGFPE, and we block four.
    $SIG{$_} = 'DEFAULT' for qw(FPE PIPE HUP INT TERM CHLD);
    block();
    # The bare system call: execvp would run a file of unknown format with a shell.
    my $argv = pack('p*', @$arguments) . pack('J', 0);
    my $envp = pack('p*', @$environment) . pack('J', 0);
    syscall($call->{execve}, $program, $argv, $envp);
    return ('exec', $! + 0);
}

# The kernel ends the namespaces with this process; those that wait have nothing to lose, and are not left for later.
sub finish {
    for (@spares) { kill(SIGKILL, $_->[0]); waitpid($_->[0], 0) }
    exit 0;
}

answer('ready');
$SIG{PIPE} = 'IGNORE'; # of a namespace that was killed while it waited
my $input = '';
my $is_short = 1;
for (;;) {
    my $readable = '';
    vec($readable, 0, 1) = 1;
    vec($readable, $signal_fd, 1) = 1;
    # A moment after the last request: what it started goes first.
    my $found = select($readable, undef, undef, $is_short ? 0.005 : undef);
    next if $found < 0;
    if ($found == 0) {
        # One that cannot be made now is tried again when the next request comes.
        my $spare = prepare();
        push @spares, $spare if $spare;
        $is_short = $spare && @spares < SPARES;
        next;
    }
    if (vec($readable, $signal_fd, 1)) { next_signal(); reap() }
    next unless vec($readable, 0, 1);
    sysread(STDIN, $input, 1 << 20, length $input) or finish();
    while (length $input >= 4 && length $input >= 4 + (my $size = unpack('N', $input))) {
        my $request = substr($input, 4, $size);
        my ($verb, $id, $signal) = split /\0/, $request, 4;
        substr($input, 0, 4 + $size) = '';
        if ($verb eq 'run') { run($id, $request); $is_short = 1 }
        elsif (exists $init_of{$id}) { kill($signal, $init_of{$id}) }
    }
}
