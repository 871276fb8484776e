import { request as httpRequest } from "node:http";
import { createTRPCClient, httpLink } from "@trpc/client";
import { transformer } from "@/contracts/api/transformer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { waitUntil } from "@/lib/testing/wait-until";
import type { AppRouter } from "@/server/trpc/router";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { PRESETS } from "@/core/presets/run-presets";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";

describe("the server from outside", () => {
  let server: TestServer;
  let worker: TestWorker;
  let api: ReturnType<typeof createTRPCClient<AppRouter>>;

  beforeAll(async () => {
    server = await startTestServer({
      timings: {
        leaseMs: 60_000,
        offlineMs: 60_000,
        taskMs: {
          query: 1_500,
          documents: 1_500,
          "dry-run": 1_500,
          "index-plan": 1_500,
          "corpus-preview": 1_500,
          "remove-corpus": 1_500,
          "turn-gains": 1_500,
          play: 1_500,
        },
      },
    });
    await storeSamples(server.plane);
    worker = await server.worker();
    api = createTRPCClient<AppRouter>({
      links: [
        httpLink({
          url: `${server.url}/trpc`,
          headers: server.headers,
          transformer,
        }),
      ],
    });
  });
  afterAll(() => server.stop());

  const get = (path: string, headers: Record<string, string>) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      httpRequest(`${server.url}${path}`, { headers }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      })
        .on("error", reject)
        .end();
    });
  const connect = (path: string, headers: Record<string, string>) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(`${server.url.replace("http", "ws")}${path}`, { headers });
      socket.on("open", () => (socket.close(), resolve("open")));
      socket.on("unexpected-response", (_request, response) =>
        resolve(String(response.statusCode)),
      );
      socket.on("error", (error) => resolve(error.message));
    });

  describe("who may ask", () => {
    it("refuses names and pages of elsewhere, over HTTP and WebSocket", async () => {
      expect((await get("/healthz", {})).text).toBe('{"ok":true}');
      const rebound = await get("/trpc/runs.list", { ...server.headers, host: "attacker.example" });
      expect(rebound.status).toBe(403);
      expect(rebound.text).toMatch(/not a loopback name/);
      expect((await get("/trpc/runs.list", { origin: "https://attacker.example" })).status).toBe(
        403,
      );
      expect(await connect("/trpc-ws", { origin: "https://attacker.example" })).toBe("403");
      expect(await connect("/trpc-ws", { host: "attacker.example" })).toBe("403");
      expect(await connect("/trpc-ws", { ...server.headers, origin: server.url })).toBe("open");
      expect(await connect("/elsewhere", server.headers)).not.toBe("open");
    });

    it("lets in whoever has the installation's secret, and by its address a browser for good", async () => {
      const list = "/trpc/runs.list?input=%7B%22json%22%3A%7B%7D%7D";
      for (const path of [list, "/", "/tokens", "/artifacts/x/y", "/worker/elsewhere", "/_next/x"])
        expect([path, (await get(path, {})).status]).toEqual([path, 401]);
      expect(await connect("/trpc-ws", {})).toBe("401");
      const anonymous = createTRPCClient<AppRouter>({
        links: [httpLink({ url: `${server.url}/trpc`, transformer })],
      });
      await expect(anonymous.runs.list.query({})).rejects.toMatchObject({
        message: expect.stringContaining("S3_TOKEN") as string,
        data: { appCode: "unauthorized" },
      });
      const page = await get("/", { accept: "text/html" });
      expect(page.text).toContain("npm run s3 -- address");

      const opened = await fetch(server.address.replace("/?", "/runs/x?tab=a&"), {
        redirect: "manual",
      });
      expect([opened.status, opened.headers.get("location")]).toEqual([303, "/runs/x?tab=a"]);
      const [set = ""] = opened.headers.getSetCookie();
      expect(set).toMatch(/; HttpOnly; SameSite=Strict$/);
      const cookie = set.split(";")[0]!;
      const secret = server.headers.authorization.slice("Bearer ".length);
      expect(set).not.toContain(secret);
      expect((await get(list, { cookie })).status).toBe(200);
      expect(await connect("/trpc-ws", { cookie, origin: server.url })).toBe("open");
      // The cookie of another installation on this machine has another name.
      expect((await get(list, { cookie: cookie.replace(/-\d+=/, "-1=") })).status).toBe(401);
      expect((await get(list, { cookie, origin: "https://attacker.example" })).status).toBe(403);
      const { token } = await api.workers.createToken.mutate({
        name: "no person",
        serverUrl: server.url,
      });
      expect((await get(list, { authorization: `Bearer ${token}` })).status).toBe(401);
    });

    it("tells who guesses to wait, and lets the owner in meanwhile", async () => {
      const wrong = { authorization: "Bearer guess" };
      const statuses = new Set<number>();
      for (let i = 0; i < 40; i++) statuses.add((await get("/trpc/runs.list", wrong)).status);
      expect(statuses).toEqual(new Set([401, 429]));
      expect((await fetch(server.address, { redirect: "manual" })).status).toBe(303);
      await api.workers.list.query();
    });

    it("lets no other site frame a page, guess its type, or bring scripts", async () => {
      const { headers } = await fetch(`${server.url}/healthz`);
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("same-origin");
    });

    it("compresses what it answers as the client takes it", async () => {
      const read = async (path: string, encoding: string) => {
        const headers = { ...server.headers, "accept-encoding": encoding };
        const response = await fetch(`${server.url}${path}`, { headers });
        return { encoding: response.headers.get("content-encoding"), text: await response.text() };
      };
      const presets = "/trpc/catalogue.presets";
      const plain = await read(presets, "identity");
      expect(plain.encoding).toBeNull();
      for (const encoding of ["gzip", "br"])
        expect(await read(presets, encoding)).toEqual({ encoding, text: plain.text });
    });

    it("refuses a wrong, a missing and a revoked worker token", async () => {
      expect(await connect("/worker", {})).toBe("401");
      expect(await connect("/worker", { authorization: "Bearer s3w_wrong" })).toBe("401");
      const { id, token, command } = await api.workers.createToken.mutate({
        name: "box",
        serverUrl: `${server.url}/workers`,
      });
      expect(command).toBe(`S3_WORKER_TOKEN=${token} npm run worker -- --server ${server.url}`);
      expect(await connect("/worker", { authorization: `Bearer ${token}` })).toBe("open");
      await api.workers.revokeToken.mutate({ id });
      expect(await connect("/worker", { authorization: `Bearer ${token}` })).toBe("401");
      const listed = JSON.stringify(await api.workers.tokens.query());
      expect(listed).toContain(id);
      expect(listed).not.toContain(token);
      const stored = await server.plane.database.db.$queryRaw<
        { row: string }[]
      >`SELECT row_to_json(t)::text AS row FROM worker_tokens t`;
      expect(JSON.stringify(stored)).not.toContain(token);
    });

    it("cuts off a worker whose token is revoked", async () => {
      const victim = await server.worker({ name: "victim" });
      const [token] = (await api.workers.tokens.query()).filter((t) => t.name === "victim");
      await api.workers.revokeToken.mutate({ id: token?.id ?? "" });
      await waitUntil(
        "the worker is offline",
        async () =>
          (await api.workers.list.query()).find((w) => w.id === victim.id)?.state === "offline",
      );
    });
  });

  describe("workers", () => {
    it("refuses frames that are not of the protocol, by name of what is wrong", async () => {
      await expect(worker.requestRaw("lease", { freeSlots: { engine: -1 } })).rejects.toThrow(
        /Request lease is not valid:\nfreeSlots\.engine.*\nfreeSlots\.light/,
      );
      await expect(worker.requestRaw("dance", {})).rejects.toMatchObject({ code: "unsupported" });
    });

    it("shows hardware, use, services and what each does", async () => {
      await api.runs.launch.mutate({ config: getPresetConfig() });
      const run = await worker.leaseAndStart();
      await worker.request("heartbeat", {
        attempts: [{ runId: run.runId, attempt: run.attempt }],
        usage: { cpu: 0.75, memoryMb: 2048, gpus: [] },
        services: [
          {
            key: "engine",
            kind: "engine",
            state: "ready",
            detail: "",
            error: null,
            memoryMb: 900,
            address: "http://127.0.0.1:1",
            references: 1,
            startedAt: Date.now(),
          },
        ],
        freeSlots: { engine: 0, light: 4 },
      });
      await worker.request("workerLogs", {
        lines: [{ at: Date.now(), level: "info", source: "agent", message: "hello" }],
      });
      const shown = (await api.workers.list.query()).find((w) => w.id === worker.id);
      expect(shown).toMatchObject({
        state: "online",
        usage: [{ cpu: 0.75 }],
        services: [{ key: "engine", references: 1 }],
        runs: [{ id: run.runId, state: "running" }],
        logs: [{ message: "hello" }],
        freeSlots: { engine: 0 },
      });
      await worker.request("transition", {
        runId: run.runId,
        attempt: run.attempt,
        to: "succeeded",
        reason: null,
      });
    });
  });

  describe("launching", () => {
    it("names every setting that is wrong", async () => {
      const config = {
        ...getPresetConfig(),
        rl: { groupSize: 1, stepz: 3 },
        retriever: { kind: "remote", url: "ftp://x" },
      };
      await expect(api.runs.launch.mutate({ config })).rejects.toMatchObject({
        data: { appCode: "invalid-input" },
        message: expect.stringMatching(/retriever\.url: .*\n[^]*rl\.groupSize: /) as string,
      });
      const checked = await api.runs.check.query({ config });
      expect(checked.ok).toBe(false);
      expect(checked.issues.map((i) => i.path)).toEqual(
        expect.arrayContaining(["retriever.url", "rl.groupSize"]),
      );
      expect(JSON.stringify(checked.issues)).toContain("stepz");
    });

    it("refuses what names things that are not there", async () => {
      const config = {
        ...getPresetConfig(),
        data: {
          corpus: "atlas",
          trainQuestions: "nobody/train",
          heldOutQuestions: "atlas/held-out",
        },
      };
      await expect(api.runs.launch.mutate({ config })).rejects.toThrow(
        /data\.trainQuestions: there is no question set "nobody\/train"/,
      );
      const predict = {
        ...getPresetConfig("atlas-s3"),
        searcher: { checkpoint: "00000000-0000-4000-8000-00000000dead" },
      };
      await expect(api.runs.launch.mutate({ config: predict })).rejects.toThrow(
        /searcher\.checkpoint: there is no checkpoint/,
      );
    });

    it("says why a GPU preset cannot start here, and that the CPU one can", async () => {
      const presets = await api.catalogue.presets.query();
      expect(presets.find((p) => p.id === "atlas-smollm2")).toMatchObject({ ready: true });
      const paper = presets.find((p) => p.id === "paper-qwen2.5-7b");
      expect(paper?.ready).toBe(false);
      expect(paper?.requirements.find((r) => r.name === "model qwen2.5-7b-instruct")).toMatchObject(
        { ok: false },
      );
    });

    it("estimates the memory of a training run, on the workers that could take it or on an assumed GPU", async () => {
      const [small] = (await api.runs.check.query({ config: getPresetConfig() })).memory ?? [];
      expect(small).toMatchObject({ device: "cpu", advice: null });
      expect(small?.worker).not.toBeNull();
      const { config } = PRESETS.find(({ id }) => id === "paper-full")!;
      const [full] = (await api.runs.check.query({ config })).memory ?? [];
      expect(full).toMatchObject({ worker: null, device: "cuda", verdict: "too small" });
      expect(full?.totalBytes).toBeGreaterThan(180e9);
      expect(
        (await api.runs.check.query({ config: getPresetConfig("atlas-s3") })).memory,
      ).toBeNull();
    });

    it("lists by state, text and sort, page by page", async () => {
      for (const name of ["beta", "alpha", "gamma"])
        await api.runs.launch.mutate({
          config: { ...getPresetConfig("atlas-rag"), name: `sorted ${name}` },
        });
      const names: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await api.runs.list.query({
          text: "sorted",
          sort: "name",
          states: ["queued"],
          limit: 2,
          cursor,
        });
        names.push(...page.rows.map((row) => row.name));
        cursor = page.nextCursor;
      }
      expect(names).toEqual(["sorted alpha", "sorted beta", "sorted gamma"]);
      for (const sort of ["newest", "oldest", "reward", "duration"] as const) {
        const first = await api.runs.list.query({ sort, limit: 2 });
        const second = await api.runs.list.query({ sort, limit: 50, cursor: first.nextCursor });
        const all = await api.runs.list.query({ sort, limit: 50 });
        expect([...first.rows, ...second.rows].map((r) => r.id)).toEqual(all.rows.map((r) => r.id));
      }
    });
  });

  describe("importing questions", () => {
    const line = (value: object) => JSON.stringify(value);
    it("numbers every bad line and stores nothing", async () => {
      const jsonl = [
        line({ id: "1", question: "Who?", answers: ["me"] }),
        "{not json",
        line({ id: "2", question: " ", answers: ["x"] }),
        line({ id: "3", question: "who?", answers: ["x"] }),
        line({ id: "4", question: "What?", answers: [] }),
        line({ id: "1", question: "Why?", answers: ["x"] }),
      ].join("\n");
      await expect(api.catalogue.importQuestions.mutate({ name: "mine", jsonl })).rejects.toThrow(
        /line 2 is not JSON[^]*line 3 [^]*question[^]*line 4 repeats the question of line 1[^]*line 5 [^]*answer[^]*line 6 repeats the id "1" of line 1/,
      );
      expect((await api.catalogue.questionSets.query()).map((s) => s.name)).not.toContain("mine");
    });

    it("stores a good file, and refuses another under the same name", async () => {
      const jsonl = [
        line({ id: "1", question: "Who?", answers: ["me"] }),
        "",
        line({ id: 2, question: "What?", answers: ["it"], goldIds: ["d0"] }),
      ].join("\n");
      expect(await api.catalogue.importQuestions.mutate({ name: "mine/dev", jsonl })).toEqual({
        name: "mine/dev",
        questions: 2,
      });
      await api.catalogue.importQuestions.mutate({ name: "mine/dev", jsonl });
      expect(
        (await api.catalogue.questionSets.query()).find((s) => s.name === "mine/dev"),
      ).toMatchObject({ questions: 2, withGold: 1 });
      expect(
        await server.plane.questionSets.readWorkerPage({ set: "mine/dev", after: null, limit: 1 }),
      ).toMatchObject({ questions: [{ id: "1", answers: ["me"] }], next: "0" });
      expect(
        await server.plane.questionSets.readWorkerPage({ set: "mine/dev", after: "0", limit: 1 }),
      ).toMatchObject({ questions: [{ id: "2" }], next: null });
      // Changed content is a new version under the name, and the newest is meant.
      expect(
        await api.catalogue.importQuestions.mutate({
          name: "mine/dev",
          jsonl: line({ id: "1", question: "Other?", answers: ["x"] }),
        }),
      ).toEqual({ name: "mine/dev", questions: 1 });
      expect(
        (await api.catalogue.questions.query({ set: "mine/dev" })).rows.map((q) => q.question),
      ).toEqual(["Other?"]);
    });
  });
});
