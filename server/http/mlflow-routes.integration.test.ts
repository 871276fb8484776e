import { request as sendRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { waitUntil } from "@/lib/testing/wait-until";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

const AT = 1_700_000_000_000;

interface Run {
  info: Record<string, string | number>;
  data: {
    metrics: { key: string; value: number; step: number; timestamp: number }[];
    params: { key: string; value: string }[];
    tags: { key: string; value: string }[];
  };
}

/** What MLflow's clients send, byte for byte as their protobuf writes it: 64-bit integers as numbers or texts. */
describe("MLflow's tracking API", () => {
  let server: TestServer;
  const SILENCE_MS = 400;

  const ask = async (
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`${server.url}/${path}`, {
      ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
      headers: { "content-type": "application/json", ...headers },
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const api = async <T = Record<string, unknown>>(path: string, body?: unknown): Promise<T> => {
    const answer = await ask(`api/2.0/mlflow/${path}`, body);
    expect(answer, path).toMatchObject({ status: 200 });
    return answer.body as T;
  };
  const fail = async (path: string, body?: unknown) => {
    const { status, body: error } = await ask(`api/2.0/mlflow/${path}`, body);
    return { status, code: error.error_code, message: String(error.message) };
  };
  const begin = async (name = "a run", more: object = {}): Promise<string> =>
    String(
      (
        await api<{ run: Run }>("runs/create", {
          experiment_id: "0",
          run_name: name,
          start_time: AT,
          ...more,
        })
      ).run.info.run_id,
    );
  const toId = (id: string): string =>
    id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const point = (key: string, step: number, value: unknown, at = AT + step) => ({
    key,
    step,
    value,
    timestamp: at,
  });
  const log = (id: string, metrics: object[], more: object = {}) =>
    api("runs/log-batch", { run_id: id, metrics, ...more });
  const readCurve = async (id: string, name: string) =>
    (await server.plane.metrics.readSeries(toId(id), [name], 2_000))[name]!.map(
      ({ step, value }) => [step, value],
    );
  const readLog = async (id: string) =>
    (await server.plane.logs.listForRun(toId(id), { level: "debug", limit: 50 })).lines.map(
      ({ message }) => message,
    );

  beforeAll(async () => {
    server = await startTestServer({ timings: { externalSilenceMs: 3_600_000 } });
  });
  afterAll(() => server.stop());

  it("shows a run as it is reported: curves, configuration, tags, notes and its end", async () => {
    const id = await begin("ppo on nq", {
      user_id: "ada",
      tags: [
        { key: "team", value: "search" },
        { key: "mlflow.source.name", value: "train.py" },
      ],
    });
    await log(id, [], { params: [{ key: "actor/lr", value: "1e-06" }] });
    await log(id, [point("critic/score/mean", 1, 0.25), point("loss", 1, 2)]);
    await log(id, [point("critic/score/mean", 2, "0.5"), point("loss", 2, 1.5)]);
    await api("runs/set-tag", { run_id: id, key: "mlflow.note.content", value: "a *note*" });
    const run = await server.plane.runReader.get(toId(id));
    expect(run).toMatchObject({
      name: "ppo on nq",
      kind: "external",
      state: "running",
      createdBy: "ada",
      tags: ["team: search"],
      notes: "a *note*",
      config: { experiment: "Default", parameters: { "actor/lr": "1e-06" } },
      actions: ["cancel"],
    });
    expect(await readCurve(id, "critic/score/mean")).toEqual([
      [1, 0.25],
      [2, 0.5],
    ]);
    await api("runs/update", { run_id: id, status: "FINISHED", end_time: AT + 9 });
    expect(await server.plane.runReader.get(toId(id))).toMatchObject({ state: "succeeded" });
    const { run: told } = await api<{ run: Run }>(`runs/get?run_id=${id}`);
    expect(told.info).toMatchObject({ status: "FINISHED", end_time: AT + 9, user_id: "ada" });
    expect(told.data.metrics).toContainEqual(point("loss", 2, 1.5));
  });

  it("stores a point once however often it is sent, in whatever order", async () => {
    const id = await begin();
    const first = [point("a", 1, 0.5), point("a", 2, 0.75), point("b", 1, 3)];
    await log(id, first);
    await log(id, [point("a", 3, 1)]);
    await log(id, first);
    await log(id, [point("a", 2, 0.75), point("a", 2, 0.8), point("a", 2, 0.8)]);
    await api("runs/log-metric", { run_id: id, ...point("a", 1, 0.5) });
    const { metrics } = await api<{ metrics: Run["data"]["metrics"] }>(
      `metrics/get-history?run_id=${id}&metric_key=a`,
    );
    expect(metrics).toEqual([
      point("a", 1, 0.5),
      point("a", 2, 0.75),
      point("a", 2, 0.8),
      point("a", 3, 1),
    ]);
    expect(await readCurve(id, "b")).toEqual([[1, 3]]);
  });

  it("stores points of many senders at once, each once", async () => {
    const id = await begin();
    const batches = Array.from({ length: 6 }, (_, i) =>
      [point("x", i, i / 2), point("x", i + 100, i)].concat(point("y", 7, i)),
    );
    await Promise.all([...batches, ...batches].map((batch) => log(id, batch)));
    const { metrics } = await api<{ metrics: { step: number }[] }>(
      `metrics/get-history?run_id=${id}&metric_key=x`,
    );
    expect(metrics.map(({ step }) => step)).toEqual([
      ...[0, 1, 2, 3, 4, 5],
      ...[100, 101, 102, 103, 104, 105],
    ]);
    expect((await readCurve(id, "y")).map(([, value]) => value).sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("says in the run's log what it cannot draw or store", async () => {
    const id = await begin();
    await log(id, [point("loss", 1, "NaN"), point("loss", 2, "Infinity"), point("loss", 3, 1)]);
    expect(await readCurve(id, "loss")).toEqual([[3, 1]]);
    expect(await readLog(id)).toEqual([
      "Not drawn, as it is no number: loss at step 1 is NaN, loss at step 2 is Infinity.",
    ]);
    expect(
      await fail("runs/log-batch", {
        run_id: id,
        metrics: [point("ok", 1, 1), point("loss", -1, 1)],
      }),
    ).toMatchObject({ status: 400, code: "INVALID_PARAMETER_VALUE" });
    expect(await readCurve(id, "ok")).toEqual([]);
    await api("runs/log-parameter", { run_id: id, key: "lr", value: "1" });
    await api("runs/log-parameter", { run_id: id, key: "lr", value: "1" });
    expect(await fail("runs/log-parameter", { run_id: id, key: "lr", value: "2" })).toMatchObject({
      code: "INVALID_PARAMETER_VALUE",
    });
    expect((await readLog(id)).slice(1).map((line) => line.slice(0, 16))).toEqual([
      "Refused: Step -1",
      "Refused: Paramet",
    ]);
  });

  it("opens a run again that its trainer goes on with", async () => {
    const id = await begin();
    for (const [status, state] of [
      ["FAILED", "failed"],
      ["RUNNING", "running"],
      ["KILLED", "cancelled"],
      ["FINISHED", "succeeded"],
    ]) {
      await api("runs/update", { run_id: id, status });
      expect(await server.plane.runReader.get(toId(id))).toMatchObject({ state });
    }
    const attempt = await server.plane.database.db.attempt.findFirst({
      where: { runId: toId(id) },
    });
    expect(attempt).toMatchObject({ number: 1, outcome: "succeeded" });
  });

  it("finds runs and experiments by MLflow's filters", async () => {
    const { experiment_id: experiment } = await api("experiments/create", { name: "nq" });
    expect(await fail("experiments/create", { name: "nq" })).toMatchObject({
      status: 400,
      code: "RESOURCE_ALREADY_EXISTS",
    });
    const ids: string[] = [];
    for (const [i, loss] of [0.5, 0.25, 1].entries()) {
      const id = await begin(`run ${i}`, { experiment_id: experiment, start_time: AT + i });
      await log(id, [point("loss", 1, 9), point("loss", 2, loss)], {
        params: [{ key: "lr", value: `${i}` }],
      });
      ids.push(id);
    }
    const search = async (request: object) => {
      const { runs = [], next_page_token: next } = await api<{
        runs?: Run[];
        next_page_token?: string;
      }>("runs/search", { experiment_ids: [experiment], ...request });
      return { found: runs.map(({ info }) => ids.indexOf(String(info.run_id))), next };
    };
    expect(await search({})).toEqual({ found: [2, 1, 0], next: undefined });
    expect(await search({ filter: "metrics.loss < 0.6", order_by: ["metrics.loss ASC"] })).toEqual({
      found: [1, 0],
      next: undefined,
    });
    expect(
      (await search({ filter: `params.lr = "2" and attributes.status = 'RUNNING'` })).found,
    ).toEqual([2]);
    expect((await search({ filter: "tags.`mlflow.runName` LIKE 'run %'" })).found).toHaveLength(3);
    const page = await search({ max_results: 2 });
    expect(page).toMatchObject({ found: [2, 1], next: "2" });
    expect((await search({ max_results: 2, page_token: page.next })).found).toEqual([0]);
    await api("runs/delete", { run_id: ids[0] });
    expect((await search({})).found).toEqual([2, 1]);
    expect((await search({ run_view_type: "DELETED_ONLY" })).found).toEqual([0]);
    expect(await fail("runs/log-metric", { run_id: ids[0], ...point("loss", 3, 1) })).toMatchObject(
      {
        code: "INVALID_PARAMETER_VALUE",
      },
    );
    await api("runs/restore", { run_id: ids[0] });
    const { experiments } = await api<{ experiments: { name: string }[] }>("experiments/search", {
      filter: "name = 'nq'",
      max_results: 10,
    });
    expect(experiments.map(({ name }) => name)).toEqual(["nq"]);
    expect(await fail("runs/search", { experiment_ids: ["0"], filter: "loss <" })).toMatchObject({
      code: "INVALID_PARAMETER_VALUE",
    });
  });

  it("keeps files of a run, lists and gives them", async () => {
    const id = await begin();
    const base = `${server.url}/api/2.0/mlflow-artifacts/artifacts`;
    const put = (path: string, body: string) =>
      fetch(`${base}/0/${id}/artifacts/${path}`, { method: "PUT", body });
    expect((await put("models/config.json", "old")).status).toBe(200);
    expect((await put("models/config.json", "new one")).status).toBe(200);
    expect((await put("notes%20a.txt", "hello")).status).toBe(200);
    expect((await put("a%2F..%2Fb", "no")).status).toBe(400);
    expect(await api(`artifacts/list?run_id=${id}`)).toMatchObject({
      root_uri: `mlflow-artifacts:/0/${id}/artifacts`,
      files: [
        { path: "models", is_dir: true },
        { path: "notes a.txt", is_dir: false, file_size: 5 },
      ],
    });
    const listed = await fetch(`${base}?path=${encodeURIComponent(`0/${id}/artifacts/models`)}`);
    expect(await listed.json()).toEqual({
      files: [{ path: "config.json", is_dir: false, file_size: 7 }],
    });
    const got = await fetch(`${base}/0/${id}/artifacts/models/config.json`);
    expect(await got.text()).toBe("new one");
    // What is kept outlives the removal of abandoned uploads, which the run's end makes possible.
    await api("runs/update", { run_id: id, status: "FINISHED" });
    await server.plane.artifacts.removeAbandoned();
    expect(await (await fetch(`${base}/0/${id}/artifacts/notes%20a.txt`)).text()).toBe("hello");
  });

  it("takes a wrong token for an error, a right one or none for its owner on this machine", async () => {
    const path = "api/2.0/mlflow/experiments/get?experiment_id=0";
    const { token } = await server.plane.workerTokens.create("trainer", "test");
    for (const [authorization, status] of [
      ["Bearer wrong", 401],
      [`Bearer ${token}`, 200],
      [server.headers.authorization, 200],
    ] as const)
      expect(await ask(path, undefined, { authorization })).toMatchObject({ status });
    const { status } = await new Promise<{ status: number | undefined }>((resolve) => {
      sendRequest(`${server.url}/${path}`, { headers: { host: "tracker.example" } }, (response) => {
        response.resume();
        resolve({ status: response.statusCode });
      }).end();
    });
    expect(status).toBe(403);
  });

  it("writes to no run but those that trainers report", async () => {
    const config = runConfigSchema.parse({ kind: "predict", name: "native", questions: "q" });
    const native = await server.plane.runs.create(config, { actor: "test", preset: null });
    const id = native.replaceAll("-", "");
    for (const [path, body] of [
      ["runs/update", { status: "FINISHED", run_name: "mine" }],
      ["runs/delete", {}],
      ["runs/log-metric", point("a", 1, 1)],
      ["runs/set-tag", { key: "a", value: "b" }],
      ["runs/log-batch", { metrics: [point("a", -1, 1)] }],
      ["runs/log-batch", { metrics: "no list" }],
    ] as const)
      expect(await fail(path, { run_id: id, ...body }), path).toMatchObject({
        code: expect.stringMatching(/^RESOURCE_DOES_NOT_EXIST$|^INVALID/) as string,
      });
    const url = `${server.url}/api/2.0/mlflow-artifacts/artifacts/0/${id}/artifacts/a.txt`;
    expect((await fetch(url, { method: "PUT", body: "a" })).status).toBe(404);
    expect(await server.plane.runReader.get(native)).toMatchObject({
      name: "native",
      state: "queued",
      tags: [],
      deletedAt: null,
    });
    expect(await readLog(id)).toEqual([]);
  });

  it("keeps the name that a person gave until the trainer gives another", async () => {
    const id = await begin("by the trainer");
    await server.plane.runOrganiser.update({ ids: [toId(id)], name: "by a person" });
    await api("runs/log-parameter", { run_id: id, key: "lr", value: "1" });
    await api("runs/set-tag", { run_id: id, key: "team", value: "a" });
    expect((await server.plane.runReader.get(toId(id))).name).toBe("by a person");
    await api("runs/update", { run_id: id, run_name: "anew" });
    expect((await server.plane.runReader.get(toId(id))).name).toBe("anew");
  });

  it("notes in the run's log, too, what no request may hold, and takes texts as they are", async () => {
    const id = await begin();
    const set = (value: string) => fail("runs/set-tag", { run_id: id, key: "a", value });
    for (const value of ["nul \u0000", "half \ud800"])
      expect(await set(value)).toMatchObject({ status: 400, code: "INVALID_PARAMETER_VALUE" });
    await api("runs/set-tag", { run_id: id, key: "pattern", value: "[^\\u0000-\\u007f]" });
    expect(
      await fail("runs/log-parameter", { run_id: id, key: "a", value: "x".repeat(9_000) }),
    ).toMatchObject({ status: 400 });
    expect((await readLog(id)).map((line) => line.slice(0, 14))).toEqual([
      "Refused: value",
      "Refused: value",
      "Refused: The r",
    ]);
    const { run } = await api<{ run: Run }>(`runs/get?run_id=${id}`);
    expect(run.data.tags).toContainEqual({ key: "pattern", value: "[^\\u0000-\\u007f]" });
  });

  it("gives pages the curve of a metric whose name is as long as MLflow's may be", async () => {
    const id = await begin();
    const name = "n".repeat(250);
    await log(id, [point(name, 1, 2)]);
    const input = encodeURIComponent(
      JSON.stringify({ json: { runIds: [toId(id)], names: [name], maxPoints: 10 } }),
    );
    const answer = await fetch(`${server.url}/trpc/metrics.seriesOfRuns?input=${input}`, {
      headers: server.headers,
    });
    expect(answer.status).toBe(200);
    expect(await fail("runs/log-metric", { run_id: id, ...point(`${name}n`, 1, 2) })).toMatchObject(
      { status: 400 },
    );
  });

  it("keeps one file of a path that two store at once, and refuses paths that cannot be stored", async () => {
    const id = await begin();
    const base = `${server.url}/api/2.0/mlflow-artifacts/artifacts`;
    const put = (path: string, body: string) =>
      fetch(`${base}/0/${id}/artifacts/${path}`, { method: "PUT", body });
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => put("a.txt", `${i}`)));
    expect(all.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    expect(await server.plane.trackedFiles.list(toId(id))).toHaveLength(1);
    for (const path of ["a%00b", "%2Fetc", "..%2F..%2Fa", "a%5C..%5Cb"])
      expect((await put(path, "no")).status, path).toBe(400);
    expect((await put("100%25/of%20it.txt", "all")).status).toBe(200);
    const listed = await fetch(`${base}?path=${encodeURIComponent(`0/${id}/artifacts/100%`)}`);
    expect(await listed.json()).toMatchObject({ files: [{ path: "of it.txt" }] });
  });

  it("counts no worker's token as a wrong secret", async () => {
    const { token } = await server.plane.workerTokens.create("busy trainer", "test");
    const path = "api/2.0/mlflow/experiments/get?experiment_id=0";
    for (let i = 0; i < 40; i++)
      expect(await ask(path, undefined, { authorization: `Bearer ${token}` })).toMatchObject({
        status: 200,
      });
    // The page still explains itself to who has no secret.
    expect((await fetch(server.url)).status).toBe(401);
  });

  it("removes a deleted run for good also where no end was told", async () => {
    const id = await begin();
    await api("runs/delete", { run_id: id });
    await server.plane.runOrganiser.purge({ deletedRunMs: -1 });
    expect(await fail(`runs/get?run_id=${id}`)).toMatchObject({ status: 404 });
  });

  it("answers in MLflow's form what it has not", async () => {
    expect(await fail("runs/get?run_id=" + "0".repeat(32))).toMatchObject({
      status: 404,
      code: "RESOURCE_DOES_NOT_EXIST",
    });
    expect(await fail("registered-models/create", { name: "m" })).toMatchObject({
      status: 404,
      code: "ENDPOINT_NOT_FOUND",
    });
    expect(await fail("runs/log-metric", { run_id: "7", key: "a" })).toMatchObject({ status: 400 });
  });

  it("says that a run is stalled, never that it succeeded, and wakes it by the next word", async () => {
    const other = await startTestServer({ timings: { externalSilenceMs: SILENCE_MS } });
    try {
      const send = async (path: string, body: object) =>
        (await (
          await fetch(`${other.url}/api/2.0/mlflow/${path}`, {
            method: "POST",
            body: JSON.stringify(body),
          })
        ).json()) as { run: Run };
      const { run } = await send("runs/create", { experiment_id: "0" });
      const id = toId(String(run.info.run_id));
      const readState = async () => (await other.plane.runReader.get(id)).state;
      await waitUntil("it is stalled", async () => (await readState()) === "stalled");
      await send("runs/log-metric", { run_id: run.info.run_id, ...point("a", 1, 1) });
      const history = await other.plane.runReader.listHistory(id);
      expect(history.slice(0, 3).map(({ to }) => to)).toEqual(["running", "stalled", "running"]);
      await waitUntil("it is stalled again", async () => (await readState()) === "stalled");
      expect(await other.plane.runs.cancel(id, { actor: "test", reason: null })).toEqual({
        state: "cancelled",
      });
    } finally {
      await other.stop();
    }
  });
});
