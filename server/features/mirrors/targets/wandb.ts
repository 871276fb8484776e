import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MirrorAddress } from "@/contracts/api/mirrors";
import { PYTHON } from "@/lib/paths.mjs";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { appendAt } from "./append-file";
import { buildFolderName } from "./run-folder";
import type { MirrorTarget } from "./target";

const PROGRAM = fileURLToPath(new URL("write_wandb_run.py", import.meta.url));
const LONGEST_MS = 10 * 60_000;

/** A Python with the package wandb. */
const getPython = (): string => process.env.S3_WANDB_PYTHON ?? PYTHON;

/**
 * Offline runs, written by W&B's own client once a run has ended, as an offline run cannot be gone on with. Until then
 * points are kept beside it; where a run goes on after its end, its offline run is written anew.
 *
 * @param folder of all mirrors; places are named from there
 * @param own name of this mirror's folder in it
 */
export const createWandbTarget = (
  { project }: Extract<MirrorAddress, { kind: "wandb" }>,
  folder: string,
  own: string,
): MirrorTarget => ({
  takes: "points",
  takesBack: true,
  async open(run, generation) {
    const name = join(own, buildFolderName(run));
    const file = `points.${generation}.jsonl`;
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, file), "", { mode: 0o600 });
    return { folder: name, file, bytes: 0 };
  },
  async append(place, _run, points) {
    const lines = points.map(
      ({ name, step, value, at }) => `${JSON.stringify([name, step, value, at])}\n`,
    );
    const path = join(folder, String(place.folder), String(place.file));
    const bytes = await appendAt(path, Number(place.bytes), Buffer.from(lines.join("")));
    return { place: { ...place, bytes } };
  },
  async tell(place, run) {
    if (!TERMINAL_STATES.has(run.state)) return;
    const runFolder = join(folder, String(place.folder));
    await rm(join(runFolder, "wandb"), { recursive: true, force: true });
    await runProgram([], {
      folder: runFolder,
      project,
      id: run.id.replaceAll("-", ""),
      name: run.name,
      kind: run.kind,
      tags: run.tags.map((tag) => tag.slice(0, 64)),
      config: run.config,
      exitCode: run.state === "succeeded" ? 0 : 1,
      points: join(runFolder, String(place.file)),
    });
  },
  withdraw: (place) => rm(join(folder, String(place.folder), String(place.file)), { force: true }),
  async test() {
    await runProgram(["--test"], {});
  },
});

/** @throws Error with what the program wrote last */
function runProgram(args: readonly string[], request: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      getPython(),
      [PROGRAM, ...args],
      { timeout: LONGEST_MS, killSignal: "SIGKILL", maxBuffer: 16 * 1024 * 1024 },
      (error, _stdout, stderr) => {
        if (!error) return resolve();
        const reason = stderr.trim().split("\n").at(-1) || error.message;
        const advice = /no package wandb/.test(reason)
          ? ": install it there (python -m pip install wandb), or let S3_WANDB_PYTHON name a Python that has it"
          : "";
        reject(new Error(`${reason}${advice}`, { cause: error }));
      },
    );
    // A program that ends before it has read all says why on standard error.
    child.stdin?.on("error", () => undefined).end(JSON.stringify(request));
  });
}
