import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePeerPython } from "@/bench/peers/venv";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";

const START_MS = 180_000;

/**
 * The head of a Ray cluster of this machine alone, whose API wants a token. Ray is installed once
 * (bench/requirements-ray.txt), or stands in the Python that S3_RAY_PYTHON names. With S3_RAY_DEBUG it writes to the console.
 */
export class RayHead {
  private constructor(
    readonly url: string,
    readonly token: string,
    /** Where Ray keeps its logs. */
    readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  /** @param cpus how many its jobs' tasks and actors may have */
  static async start({ cpus = 1 } = {}): Promise<RayHead> {
    const python = await RayHead.findPython();
    // Ray puts sockets into it, whose path must be short.
    const folder = await mkdtemp(join(tmpdir(), "s3r-"));
    const token = randomBytes(32).toString("hex");
    await writeFile(join(folder, "token"), token, { mode: 0o600 });
    const [port, clientPort, dashboardPort, agentPort] = await findPorts(4);
    const child = spawn(
      python,
      [
        // No program of its own is installed where the product's Python has Ray already.
        ...[
          "-m",
          "ray.scripts.scripts",
          "start",
          "--head",
          "--block",
          `--num-cpus=${cpus}`,
          "--disable-usage-stats",
        ],
        // Ray takes 127.0.0.1 for "find my own address", and waits for the outer one.
        ...[
          "--node-ip-address=127.0.0.2",
          `--port=${port}`,
          `--ray-client-server-port=${clientPort}`,
        ],
        ...["--dashboard-host=127.0.0.1", `--dashboard-port=${dashboardPort}`],
        ...[`--dashboard-agent-listen-port=${agentPort}`, `--temp-dir=${folder}`],
        ...["--min-worker-port=0", "--max-worker-port=0", "--object-store-memory=100000000"],
      ],
      {
        detached: true,
        stdio: process.env.S3_RAY_DEBUG ? "inherit" : "ignore",
        env: {
          ...process.env,
          RAY_AUTH_MODE: "token",
          RAY_AUTH_TOKEN_PATH: join(folder, "token"),
          OMP_NUM_THREADS: "1",
        },
      },
    );
    const head = new RayHead(`http://127.0.0.1:${dashboardPort}`, token, folder, child);
    await waitUntil("Ray answers", () => head.isReady(), START_MS);
    return head;
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
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    // Ray's processes end with the one that started them, and are its group.
    process.kill(-this.child.pid!, "SIGTERM");
    const timer = setTimeout(() => process.kill(-this.child.pid!, "SIGKILL"), 15_000);
    await ended;
    clearTimeout(timer);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
  }
}

async function findPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await findFreePort());
  return [...ports];
}
