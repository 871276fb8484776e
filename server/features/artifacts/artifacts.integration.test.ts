import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "@/server/platform/artifacts/file-store";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { getPresetConfig } from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";

const describeFile = (name: string, bytes: string) => ({
  name,
  bytes: Buffer.byteLength(bytes),
  sha256: createHash("sha256").update(bytes).digest("hex"),
});

describe("artifacts", () => {
  let server: TestServer;
  let worker: TestWorker;
  let ref: { runId: string; attempt: number };
  /** Writes of the store fail as on a full disk, as long as this is true. */
  let full = false;

  beforeAll(async () => {
    server = await startTestServer({
      // The test removes abandoned artifacts itself.
      timings: { leaseMs: 60_000, offlineMs: 60_000, removalMs: 3_600_000 },
      // The operating system answers every write to /dev/full with ENOSPC.
      store: (directory) =>
        new FileStore(directory, (path) => createWriteStream(full ? "/dev/full" : path)),
    });
    worker = await server.worker();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    const { runId, attempt } = await worker.leaseAndStart();
    ref = { runId, attempt };
    return async () => {
      await worker
        .request("transition", { ...ref, to: "failed", reason: "the next test" })
        .catch(() => {});
    };
  });

  const upload = (id: string, name: string, body: string, of = ref, token = worker.options.token) =>
    fetch(`${server.url}/worker/artifacts/${id}/${name}?runId=${of.runId}&attempt=${of.attempt}`, {
      method: "PUT",
      body,
      headers: { authorization: `Bearer ${token}` },
    });
  const commit = (
    id: string,
    step: number,
    files: { name: string; bytes: number; sha256: string }[],
    of = ref,
  ) =>
    worker.request("commitArtifact", {
      ...of,
      manifest: { id, kind: "checkpoint", step, files, metadata: { loss: 1 } },
    });
  const save = async (step: number, body = `weights of ${step}`) => {
    const id = randomUUID();
    expect((await upload(id, "adapter.safetensors", body)).status).toBe(201);
    await commit(id, step, [describeFile("adapter.safetensors", body)]);
    return id;
  };
  const kept = async () =>
    (await server.plane.artifacts.listCheckpoints(ref.runId)).map((c) => c.step);

  it("shows a checkpoint only after its commit, and gives its bytes back", async () => {
    const id = randomUUID();
    await upload(id, "adapter.safetensors", "weights");
    expect(await kept()).toEqual([]);
    const get = () =>
      fetch(`${server.url}/worker/artifacts/${id}/adapter.safetensors`, {
        headers: { authorization: `Bearer ${worker.options.token}` },
      });
    expect((await get()).status).toBe(404);
    await commit(id, 5, [describeFile("adapter.safetensors", "weights")]);
    await commit(id, 5, [describeFile("adapter.safetensors", "weights")]);
    expect(await kept()).toEqual([5]);
    expect(await (await get()).text()).toBe("weights");
    expect(await worker.request("artifact", { artifactId: id })).toMatchObject({
      manifest: { step: 5, metadata: { loss: 1 } },
      config: { kind: "train" },
    });
    expect((await upload(id, "adapter.safetensors", "other")).status).toBe(409);
  });

  it("forgives attempts that were lost before a checkpoint", async () => {
    const { db } = server.plane.database;
    const lost = async () =>
      (await db.run.findUniqueOrThrow({ where: { id: ref.runId } })).lostLeases;
    await db.run.update({ where: { id: ref.runId }, data: { lostLeases: 3 } });
    await save(1);
    expect(await lost()).toBe(0);
  });

  it("refuses what is not complete or not as the manifest says", async () => {
    const id = randomUUID();
    await upload(id, "a.bin", "half");
    await expect(commit(id, 1, [describeFile("a.bin", "whole")])).rejects.toMatchObject({
      code: "conflict",
    });
    await expect(
      commit(id, 1, [describeFile("a.bin", "half"), describeFile("b.bin", "never sent")]),
    ).rejects.toMatchObject({ code: "not-found" });
    expect((await upload(id, "..%2F..%2Fescape", "x")).status).toBe(400);
    expect((await upload(id, "a.bin", "x", ref, "s3w_wrong")).status).toBe(401);
    expect(await kept()).toEqual([]);
  });

  it("refuses upload and commit of a stale attempt", async () => {
    const id = randomUUID();
    await upload(id, "a.bin", "mine");
    const stale = ref;
    await worker.request("transition", { ...ref, to: "queued", reason: "test" });
    expect(await (await upload(randomUUID(), "a.bin", "late", stale)).json()).toMatchObject({
      code: "stale-attempt",
    });
    await expect(commit(id, 1, [describeFile("a.bin", "mine")], stale)).rejects.toMatchObject({
      code: "stale-attempt",
    });
    const { runId, attempt, resume } = await worker.leaseAndStart();
    ref = { runId, attempt };
    expect(resume).toBeNull();
    // What the lost attempt left behind is removed.
    expect(await server.plane.artifacts.removeAbandoned()).toBeGreaterThan(0);
    expect(await readdir(join(server.artifactsDir, runId, "1"))).toEqual([]);
  });

  it("keeps the newest as configured, and resumes from the last", async () => {
    const ids = [];
    for (const step of [5, 10, 15, 20]) ids.push(await save(step));
    expect(await kept()).toEqual([20, 15, 10]);
    expect(await readdir(join(server.artifactsDir, ref.runId, "1"))).toHaveLength(3);
    await worker.request("transition", { ...ref, to: "queued", reason: "test" });
    const { runId, attempt, resume } = await worker.leaseAndStart();
    ref = { runId, attempt };
    expect(resume).toMatchObject({
      artifactId: ids[3],
      step: 20,
      files: [{ name: "adapter.safetensors" }],
    });
  });

  it("says that the disk is full, and leaves the last good checkpoint", async () => {
    const good = await save(5);
    full = true;
    try {
      const response = await upload(randomUUID(), "adapter.safetensors", "no room");
      expect(response.status).toBe(507);
      expect(await response.json()).toMatchObject({
        code: "storage-full",
        message: expect.stringContaining("full") as string,
      });
    } finally {
      full = false;
    }
    expect(await kept()).toEqual([5]);
    expect(
      await readFile(
        join(server.artifactsDir, ref.runId, "1", good, "adapter.safetensors"),
        "utf8",
      ),
    ).toBe("weights of 5");
    await save(10);
    expect(await kept()).toEqual([10, 5]);
  });
});
