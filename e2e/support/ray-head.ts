import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { peerPython } from "@/bench/peers/venv";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";

const START_MS = 180_000;

/** The head of a Ray cluster of this machine alone, whose API wants a token. Ray is installed once (bench/requirements-ray.txt). */
export class RayHead {
  private constructor(
    readonly url: string,
    readonly token: string,
    /** Where Ray keeps its logs. */
    readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<RayHead> {
    const python = process.env.S3_RAY_PYTHON ?? (await peerPython("ray"));
    // Ray puts sockets into it, whose path must be short.
    const folder = await mkdtemp(join(tmpdir(), "s3r-"));
    const token = randomBytes(32).toString("hex");
    await writeFile(join(folder, "token"), token, { mode: 0o600 });
    const [port, clientPort, dashboardPort, agentPort] = await findPorts(4);
    const child = spawn(
      join(dirname(python), "ray"),
      [
        ...["start", "--head", "--block", "--num-cpus=1", "--disable-usage-stats"],
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
        stdio: "ignore",
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
