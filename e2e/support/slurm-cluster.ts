import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";

const PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch"];

/** Whether Slurm is installed (Debian: slurmctld, slurmd, slurm-client, munge), and this user may start it. */
export const hasSlurm =
  process.getuid?.() === 0 &&
  PROGRAMS.every((name) => spawnSync("which", [name], { stdio: "ignore" }).status === 0);

/** A Slurm cluster of this machine alone, with keys, ports and folders of its own; SLURM_CONF leads to it. */
export class SlurmCluster {
  private readonly children: ChildProcess[] = [];
  private constructor(readonly folder: string) {}

  static async start(): Promise<SlurmCluster> {
    const cluster = new SlurmCluster(await mkdtemp(join(tmpdir(), "s3-slurm-")));
    await cluster.open();
    return cluster;
  }

  private async open(): Promise<void> {
    const { folder } = this;
    await Promise.all(["state", "spool"].map((name) => mkdir(join(folder, name))));
    await writeFile(join(folder, "munge.key"), randomBytes(1024), { mode: 0o400 });
    // Whoever authenticates reaches munge's socket.
    await chmod(folder, 0o711);
    const socket = join(folder, "munge.sock");
    this.spawn("munged", [
      ...["--foreground", "--force", "--num-threads=1", `--socket=${socket}`],
      ...[`--key-file=${folder}/munge.key`, `--seed-file=${folder}/munge.seed`],
      ...[`--pid-file=${folder}/munged.pid`, `--log-file=${folder}/munged.log`],
    ]);
    const config = join(folder, "slurm.conf");
    await writeFile(config, buildConfig(folder, await findFreePort(), await findFreePort()));
    process.env.SLURM_CONF = config;
    await waitUntil(
      "munge answers",
      () =>
        spawnSync("munge", ["--no-input", `--socket=${socket}`], { stdio: "ignore" }).status === 0,
    );
    this.spawn("slurmctld", ["-D", "-f", config]);
    this.spawn("slurmd", ["-D", "-N", "localhost", "-f", config]);
    await waitUntil("the node is idle", () => this.run("sinfo", "-h", "-o", "%T").includes("idle"));
  }

  private spawn(program: string, args: string[]): void {
    this.children.push(spawn(program, args, { stdio: "ignore" }));
  }

  /** What one of Slurm's programs writes. */
  run(program: string, ...args: string[]): string {
    const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
    return `${stdout}${stderr}`.trim();
  }

  /** Names and states of all jobs. */
  listJobs(): string[] {
    return this.run("squeue", "-h", "--states=all", "-o", "%j %T").split("\n").filter(Boolean);
  }

  async stop(): Promise<void> {
    this.run("scancel", "--user=root", "--signal=KILL");
    for (const child of this.children.reverse()) {
      child.kill("SIGTERM");
      await new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve(null);
        child.once("exit", resolve);
        setTimeout(() => child.kill("SIGKILL"), 10_000).unref();
      });
    }
    delete process.env.SLURM_CONF;
    await rm(this.folder, { recursive: true, force: true });
  }
}

const buildConfig = (folder: string, controllerPort: number, nodePort: number): string => `
ClusterName=s3
SlurmctldHost=localhost
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.sock
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmUser=root
SlurmdUser=root
SlurmctldPort=${controllerPort}
SlurmdPort=${nodePort}
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=30
MinJobAge=300
NodeName=localhost CPUs=8 RealMemory=65536 Boards=1 SocketsPerBoard=8 CoresPerSocket=1 ThreadsPerCore=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
SlurmdParameters=config_overrides
`;
