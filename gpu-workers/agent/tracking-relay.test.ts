import {
  createServer,
  request as sendRequest,
  type IncomingHttpHeaders,
  type Server,
} from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMAND_HEADER } from "@/contracts/formats/mlflow/requests";
import { listenLocally } from "@/lib/testing/listen-locally";
import {
  checkTrackingAddress,
  openCommandTracking,
  openTrackingRelay,
  type TrackingRelay,
} from "./tracking-relay";

const PATH = "api/2.0/mlflow/runs/log-metric";

describe("the relay of MLflow's API", () => {
  let dashboard: Server;
  let server: string;
  let relay: TrackingRelay;
  let asked: { url: string | undefined; headers: IncomingHttpHeaders; body: string }[] = [];

  beforeAll(async () => {
    dashboard = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        asked.push({ url: request.url, headers: request.headers, body });
        response.writeHead(400, { "content-type": "application/json" }).end(`{"error_code":"X"}`);
      });
    });
    server = `${await listenLocally(dashboard)}/`;
    relay = await openTrackingRelay({ server, token: "t", port: 0 });
  });
  afterAll(async () => {
    await relay.close();
    dashboard.close();
  });

  const askAs = (
    headers: Record<string, string>,
    path = `/${PATH}`,
    address = relay.address,
  ): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      sendRequest(address, { headers, path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .once("error", reject)
        .end();
    });

  it("forwards a request with the worker's token, and the answer as it is", async () => {
    asked = [];
    const answer = await fetch(`${relay.address}/${PATH}?a=1`, { method: "POST", body: "{}" });
    expect([answer.status, await answer.text()]).toEqual([400, `{"error_code":"X"}`]);
    expect(asked).toMatchObject([
      { url: `/${PATH}?a=1`, body: "{}", headers: { authorization: "Bearer t" } },
    ]);
  });

  it("forwards traces, and names the command that it is for whatever a client claims", async () => {
    asked = [];
    const ofCommand = await openTrackingRelay({ server, token: "t", port: 0, command: "id" });
    for (const address of [relay.address, ofCommand.address])
      await fetch(`${address}/v1/traces`, {
        method: "POST",
        headers: { [COMMAND_HEADER]: "another" },
        body: "{}",
      });
    await ofCommand.close();
    expect(asked.map(({ url, headers }) => [url, headers[COMMAND_HEADER]])).toEqual([
      ["/v1/traces", undefined],
      ["/v1/traces", "id"],
    ]);
  });

  it("forwards nothing else, and nothing of a page of elsewhere", async () => {
    asked = [];
    for (const path of ["trpc/runs.list", "api/2.0/mlflow", "worker", "v1/traces/x", "v1/metrics"])
      expect((await fetch(`${relay.address}/${path}`)).status, path).toBe(404);
    for (const path of [
      "/api/2.0/mlflow/../../../trpc/x",
      "http://evil.example/api/2.0/mlflow/x",
      "//evil.example/api/2.0/mlflow/x",
    ])
      expect(await askAs({}, path), path).toBe(404);
    expect(await askAs({ host: "rebound.example" })).toBe(403);
    expect(await askAs({ origin: "http://evil.example" })).toBe(403);
    expect(asked).toEqual([]);
  });

  it("says that the dashboard is away, so that clients try again", async () => {
    const lost = await openTrackingRelay({ server: "http://127.0.0.1:9", token: "t", port: 0 });
    const answer = await fetch(`${lost.address}/${PATH}`, { method: "POST", body: "{}" });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error_code: "TEMPORARILY_UNAVAILABLE" });
    await lost.close();
  });

  it("for jobs on other machines forwards what shows the run's token, and refuses the rest", async () => {
    asked = [];
    const options = { server, token: "t", command: "id" };
    const tracking = await openCommandTracking(options, "127.0.0.2");
    const { address, outside } = tracking;
    expect(new URL(address).hostname).toBe("127.0.0.1");
    expect(new URL(outside!.address).hostname).toBe("127.0.0.2");
    const send = (at: string, headers: Record<string, string> = {}) =>
      askAs(headers, `/${PATH}`, at);
    const shown = { authorization: `Bearer ${outside!.token}` };
    // The dashboard of this test answers 400.
    expect(await send(outside!.address, shown)).toBe(400);
    expect(await send(outside!.address)).toBe(401);
    expect(await send(outside!.address, { authorization: "Bearer t" })).toBe(401);
    expect(await send(outside!.address, { ...shown, origin: "http://evil.example" })).toBe(403);
    // The loopback's port is of the loopback alone.
    const elsewhere = address.replace("127.0.0.1", "127.0.0.2");
    await expect(send(elsewhere)).rejects.toThrow();
    expect(await send(address)).toBe(400);
    expect(asked.map(({ headers }) => [headers.authorization, headers[COMMAND_HEADER]])).toEqual([
      ["Bearer t", "id"],
      ["Bearer t", "id"],
    ]);
    await tracking.close();
    await expect(send(outside!.address, shown)).rejects.toThrow();
    const other = await openCommandTracking(options, "127.0.0.2");
    expect(await send(other.outside!.address, shown), "another run's token").toBe(401);
    await other.close();
  });

  it("says that an address is none of this machine", async () => {
    await expect(checkTrackingAddress("203.0.113.7")).rejects.toMatchObject({
      code: "invalid-input",
    });
    await checkTrackingAddress("127.0.0.2");
  });

  it("says that its port is taken", async () => {
    const port = Number(new URL(relay.address).port);
    await expect(
      openTrackingRelay({ server: relay.address, token: "t", port }),
    ).rejects.toMatchObject({
      code: "conflict",
    });
  });
});
