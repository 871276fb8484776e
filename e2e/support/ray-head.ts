import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePeerPython } from "@/bench/peers/venv";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";

const START_MS = 180_000;
const HOST = "127.0.0.2";

/**
 * The head of a Ray cluster of this machine alone, whose API wants a token. Ray is installed once
 * (bench/requirements-ray.txt), or stands in the Python that S3_RAY_PYTHON names. With S3_RAY_DEBUG it writes to the console.
 */
export class RayHead {
  private readonly others: { child: ChildProcess; folder: string }[] = [];

  private constructor(
    readonly url: string,
    /** What other nodes and drivers join by. */
    readonly address: string,
    readonly token: string,
    /** Where Ray keeps its logs. */
    readonly folder: string,
    private readonly python: string,
    private readonly child: ChildProcess,
  ) {}

  /**
   * @param cpus how many its jobs' tasks and actors may have
   * @param given a Python with Ray; absent: as `findPython`
   */
  static async start({
    cpus = 1,
    python: given,
  }: { cpus?: number; python?: string } = {}): Promise<RayHead> {
    const python = given ?? (await RayHead.findPython());
    // Ray puts sockets into it, whose path must be short.
    const folder = await mkdtemp(join(tmpdir(), "s3r-"));
    const token = randomBytes(32).toString("hex");
    await writeFile(join(folder, "token"), token, { mode: 0o600 });
    const [port, clientPort, dashboardPort, agentPort] = await findPorts(4);
    const child = startNode(python, join(folder, "token"), [
      "--head",
      `--num-cpus=${cpus}`,
      // Ray takes 127.0.0.1 for "find my own address", and waits for the outer one.
      ...[`--node-ip-address=${HOST}`, `--port=${port}`, `--ray-client-server-port=${clientPort}`],
      ...["--dashboard-host=127.0.0.1", `--dashboard-port=${dashboardPort}`],
      ...[`--dashboard-agent-listen-port=${agentPort}`, `--temp-dir=${folder}`],
    ]);
    const url = `http://127.0.0.1:${dashboardPort}`;
    const head = new RayHead(url, `${HOST}:${port}`, token, folder, python, child);
    await waitUntil("Ray answers", () => head.isReady(), START_MS);
    return head;
  }

  /** Starts another node of this machine at an address of its loopback. It ends with the head. */
  async addNode(host: string, cpus: number): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "s3r-"));
    const [agentPort] = await findPorts(1);
    const child = startNode(this.python, join(this.folder, "token"), [
      ...[`--address=${this.address}`, `--node-ip-address=${host}`, `--num-cpus=${cpus}`],
      ...[`--dashboard-agent-listen-port=${agentPort}`, `--temp-dir=${folder}`],
    ]);
    this.others.push({ child, folder });
    await waitUntil(`Ray has the node ${host}`, () => this.hasNode(host), START_MS);
  }

  private async hasNode(host: string): Promise<boolean> {
    const response = await fetch(`${this.url}/api/v0/nodes`, {
      headers: { authorization: `Bearer ${this.token}` },
    });
    return response.ok && (await response.text()).includes(`"${host}"`);
  }

  /** The Python that Ray and MLflow's client are installed in: by default one of the benches' own, made once. */
  static findPython(): Promise<string> {
    return Promise.resolve(process.env.S3_RAY_PYTHON ?? ensurePeerPython("ray"));
  }

  private isReady(): Promise<boolean> {
    return fetch(`${this.url}/api/jobs/`, {
      headers: { authorization: `Bearer ${this.token}` },
    }).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async stop(): Promise<void> {
    const { child: own, folder: ownFolder } = this;
    for (const { child, folder } of [...this.others, { child: own, folder: ownFolder }]) {
      await endGroup(child);
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
    }
  }
}

/** Starts Ray's processes of a node. */
const startNode = (python: string, token: string, options: readonly string[]): ChildProcess =>
  spawn(
    python,
    [
      // No program of its own is installed where the product's Python has Ray already.
      ...["-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", ...options],
      ...["--min-worker-port=0", "--max-worker-port=0", "--object-store-memory=100000000"],
    ],
    {
      detached: true,
      stdio: process.env.S3_RAY_DEBUG ? "inherit" : "ignore",
      env: {
        ...process.env,
        RAY_AUTH_MODE: "token",
        RAY_AUTH_TOKEN_PATH: token,
        OMP_NUM_THREADS: "1",
      },
    },
  );

/** Ends Ray's processes, which end with the one that started them and are its group. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-child.pid!, "SIGTERM");
  const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), 15_000);
  await ended;
  clearTimeout(timer);
}

async function findPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await findFreePort());
  return [...ports];
}
