import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@/lib/free-port.mjs";
import { PYTHON } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { CASES_DIR, SHARED_DIR } from "@/lib/testing/shared";

/** Small inputs after public bug reports, with a scripted server each for replies and for searches. */

/** A request as the scripted server writes it down. */
export interface LoggedRequest {
  path: string;
  body: Record<string, unknown>;
}

/** The scripted OpenAI-compatible server of the cases, run in place on a free port: the model's name chooses its quirk. */
export class CaseEndpoint {
  private constructor(
    readonly origin: string,
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<CaseEndpoint> {
    const port = await findFreePort();
    const folder = await mkdtemp(join(tmpdir(), "case-endpoint-"));
    // It finds its replies beside its working folder, and writes its log into it.
    const cwd = join(folder, "cwd");
    await mkdir(cwd);
    await symlink(SHARED_DIR, join(folder, "shared"));
    const script = join(CASES_DIR, "endpoint.py");
    const code = `exec(open(${JSON.stringify(script)}).read().replace("18111", "${port}"))`;
    const child = spawn(PYTHON, ["-c", code], { cwd, stdio: "ignore" });
    const endpoint = new CaseEndpoint(`http://127.0.0.1:${port}`, folder, child);
    await waitUntil("the scripted endpoint listens", () =>
      fetch(endpoint.url).then(
        () => true,
        () => false,
      ),
    );
    return endpoint;
  }

  /** Base URL, as a configuration names it. */
  get url(): string {
    return `${this.origin}/v1`;
  }

  /** What it was asked so far by requests for this model. */
  async readRequests(model: string): Promise<LoggedRequest[]> {
    const log = await readFile(join(this.folder, "cwd", "endpoint.log"), "utf8");
    const lines = log.split("\n").filter((line) => line !== "");
    const requests = lines.map((line) => JSON.parse(line) as LoggedRequest);
    return requests.filter(({ body }) => body.model === model);
  }

  async close(): Promise<void> {
    this.child.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
