import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";

const run = promisify(execFile);
const SSHD = "/usr/sbin/sshd";

export interface SshHost {
  /** Folder that is the home folder there. */
  home: string;
  /** Whether a real sshd answers; else the program `ssh` runs the command here by itself. */
  isReal: boolean;
  stop(): Promise<void>;
}

/**
 * A host `box` that the program `ssh` of this process's PATH reaches: by the system's ssh and an sshd of its own on
 * loopback, with keys made for it. Where no sshd is installed, `ssh` is a script that runs the same command here.
 */
export async function startSshHost(): Promise<SshHost> {
  const folder = await mkdtemp(join(tmpdir(), "s3-ssh-"));
  const home = join(folder, "home");
  const programs = join(folder, "bin");
  await Promise.all([mkdir(home), mkdir(programs)]);
  const isReal = existsSync(SSHD) && process.getuid?.() === 0;
  if (!isReal)
    console.warn(
      "no real ssh: a shell of this machine stands in for it (a real one needs root and `apt-get install openssh-server`)",
    );
  const sshd = isReal ? await startSshd(folder, home) : null;
  const script = isReal
    ? `exec /usr/bin/ssh -F ${folder}/config "$@"`
    : `while [ "$1" != -- ]; do shift; done; HOME=${home} exec sh -c "$3"`;
  await writeFile(join(programs, "ssh"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const before = process.env.PATH;
  process.env.PATH = `${programs}:${before}`;
  return {
    home,
    isReal,
    async stop() {
      process.env.PATH = before;
      sshd?.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startSshd(folder: string, home: string): Promise<ChildProcess> {
  const port = await findFreePort();
  for (const name of ["host", "user"])
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  await mkdir("/run/sshd", { recursive: true });
  const [{ stdout: hostKey }, { stdout: userKey }] = await Promise.all([
    run("cat", [join(folder, "host.pub")]),
    run("cat", [join(folder, "user.pub")]),
  ]);
  await writeFile(join(folder, "known_hosts"), `[127.0.0.1]:${port} ${hostKey}`);
  await writeFile(join(folder, "authorized_keys"), userKey, { mode: 0o600 });
  await writeFile(
    join(folder, "sshd_config"),
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/authorized_keys`,
      "StrictModes no",
      "UsePAM no",
      "PasswordAuthentication no",
      "PermitRootLogin prohibit-password",
      `SetEnv HOME=${home}`,
      `PidFile ${folder}/pid`,
    ].join("\n"),
  );
  await writeFile(
    join(folder, "config"),
    [
      "Host box",
      "  HostName 127.0.0.1",
      `  Port ${port}`,
      "  User root",
      `  IdentityFile ${folder}/user`,
      "  IdentitiesOnly yes",
      `  UserKnownHostsFile ${folder}/known_hosts`,
    ].join("\n"),
  );
  const sshd = spawn(SSHD, ["-D", "-e", "-f", join(folder, "sshd_config")], { stdio: "ignore" });
  await waitUntil("sshd listens", () => canConnect(port), 20_000);
  return sshd;
}

const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });
