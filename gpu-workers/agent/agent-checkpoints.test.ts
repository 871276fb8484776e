import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import { point, TestAgents, writeCheckpoint } from "./testing/harness";
import { ProtocolServer } from "./testing/protocol-server";
import { waitUntil } from "@/lib/testing/wait-until";

const train = { kind: "train", name: "a run" };

let server: ProtocolServer;
const agents = new TestAgents();
beforeEach(async () => (server = await ProtocolServer.start()));
afterEach(async () => {
  await agents.stopAll();
  await server.close();
});

describe("checkpoints", () => {
  it("are uploaded whole, committed under the attempt, and resumed from", async () => {
    let resumed: { step: number; text: string } | null = null;
    await agents.start(server.url, {
      train: async (context) => {
        if (context.resume)
          resumed = {
            step: context.resume.step,
            text: await readFile(join(context.resume.directory, "adapter.safetensors"), "utf8"),
          };
        else {
          await context.commitCheckpoint(await writeCheckpoint(context, "weights"), 5, { note: 1 });
          throw new AppError("internal", "a defect");
        }
      },
    });
    const run = server.queue(train);
    await waitUntil("the first attempt fails", () => run.state === "failed");
    expect(run.checkpoint).toMatchObject({
      step: 5,
      metadata: { note: 1 },
      files: [
        { name: "adapter.safetensors", bytes: 7 },
        { name: "state.json", bytes: 2 },
      ],
    });
    run.state = "queued";
    await waitUntil("the second succeeds", () => run.state === "succeeded");
    expect(resumed).toEqual({ step: 5, text: "weights" });
  });

  it("with a wrong byte are not resumed from", async () => {
    const manifest = server.storeArtifact({ "adapter.safetensors": "weights" }, 3);
    server.files.set(`${manifest.id}/adapter.safetensors`, Buffer.from("weighty"));
    let executed = false;
    await agents.start(server.url, { train: () => Promise.resolve(void (executed = true)) });
    const run = server.queue(train, manifest);
    await waitUntil("the run fails", () => run.state === "failed");
    expect(executed).toBe(false);
    expect(run.transitions.at(-1)?.reason).toContain("another hash");
  });

  it("that do not fit leave the last good one, and the run goes on until its end", async () => {
    await agents.start(server.url, {
      train: async (context) => {
        await context.markRunning();
        await context.commitCheckpoint(await writeCheckpoint(context, "one"), 1, {});
        server.refuseUpload = {
          status: 507,
          code: "storage-full",
          message: "No space left for artifacts.",
        };
        await context.commitCheckpoint(await writeCheckpoint(context, "two"), 2, {});
        await context.report({ kind: "metrics", points: [point(2)] });
        if (context.config.name === "mended") {
          server.refuseUpload = null;
          await context.commitCheckpoint(await writeCheckpoint(context, "three"), 3, {});
        }
      },
    });
    const full = server.queue({ ...train, name: "full" });
    await waitUntil("it ends", () => full.state !== "queued" && full.state !== "held");
    expect(full.checkpoint?.step).toBe(1);
    expect(server.listSteps(full.runId)).toEqual([2]);
    expect(full.transitions.at(-1)?.to).toBe("failed");
    expect(full.transitions.at(-1)?.reason).toMatch(
      /last checkpoint could not be stored: No space left/,
    );

    server.refuseUpload = null;
    const mended = server.queue({ ...train, name: "mended" });
    await waitUntil("it succeeds", () => mended.state === "succeeded");
    expect(mended.checkpoint?.step).toBe(3);
    expect(
      mended.items.some(
        ({ item }) =>
          item.kind === "logs" &&
          item.lines.some((l) => l.level === "error" && l.message.includes("after step 2")),
      ),
    ).toBe(true);
  });

  it("that cannot be written here count as not stored, and none stays on the worker's disk", async () => {
    const left: string[] = [];
    await agents.start(server.url, {
      train: async (context) => {
        await context.markRunning();
        for (const [step, name] of ["one", "two"].entries()) {
          await context.commitCheckpoint(await writeCheckpoint(context, name), step, {});
          left.push(...(await readdir(context.workDir)));
        }
        context.skipCheckpoint(2, new AppError("storage-full", "No space left here."));
        expect(() => context.skipCheckpoint(2, new TypeError("a defect"))).toThrow("a defect");
      },
    });
    const run = server.queue({ ...train, name: "worker's disk" });
    await waitUntil("it ends", () => run.state === "failed");
    expect(run.transitions.at(-1)?.reason).toMatch(/could not be stored: No space left here/);
    expect(run.checkpoint?.step).toBe(1);
    expect(left).toEqual([]);
  });

  it("are refused for a folder that is not flat", async () => {
    await agents.start(server.url, {
      train: async (context) => {
        const directory = await writeCheckpoint(context, "x");
        await mkdir(join(directory, "nested"));
        await context.commitCheckpoint(directory, 1, {});
      },
    });
    const run = server.queue(train);
    await waitUntil("the run fails", () => run.state === "failed");
    expect(run.transitions.at(-1)?.reason).toContain('"nested"');
  });
});
