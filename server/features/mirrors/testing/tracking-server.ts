import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listenLocally } from "@/lib/testing/listen-locally";

interface TrackedRun {
  id: string;
  tags: Record<string, string>;
  params: Record<string, string>;
  status: string;
  deleted: boolean;
  /** As MLflow's store: one row for each key, time, value and step. */
  metrics: Map<string, { key: string; step: number; value: number }>;
}

export interface TrackingServer {
  url: string;
  runs: TrackedRun[];
  /** Authorization headers that came. */
  authorizations: Set<string>;
  /** What answers instead, while it is set. */
  fault: "down" | "lost-answers" | "lost-creation" | "refused" | null;
  stop(): Promise<void>;
}

/**
 * A server that speaks as much of MLflow's documented REST API (2.0) as a mirror uses. Its faults: it answers 503; it
 * does what it is asked and hangs up instead of answering, always or where a run is made; it refuses the token.
 */
export async function startTrackingServer(): Promise<TrackingServer> {
  const experiments: string[] = [];
  const state: Pick<TrackingServer, "runs" | "authorizations" | "fault"> = {
    runs: [],
    authorizations: new Set(),
    fault: null,
  };
  const fail = (code: string, message: string) => ({
    status: code === "RESOURCE_DOES_NOT_EXIST" ? 404 : 400,
    body: { error_code: code, message },
  });
  type Body = Record<string, never> & {
    run_id?: string;
    tags?: { key: string; value: string }[];
    params?: { key: string; value: string }[];
    metrics?: { key: string; step: number; value: number; timestamp: number }[];
  };
  const answer = (path: string, query: URLSearchParams, body: Body) => {
    const run = state.runs.find(({ id }) => id === body.run_id);
    const ok = (value: unknown = {}) => ({ status: 200, body: value });
    switch (path.replace("/api/2.0/mlflow/", "")) {
      case "experiments/get-by-name": {
        const found = experiments.indexOf(query.get("experiment_name") ?? "");
        if (found < 0) return fail("RESOURCE_DOES_NOT_EXIST", "no such experiment");
        return ok({ experiment: { experiment_id: String(found) } });
      }
      case "experiments/create":
        return ok({ experiment_id: String(experiments.push(String(body.name)) - 1) });
      case "runs/search": {
        const [, name, value] = /^tags\.`(.+)` = '(.+)'$/.exec(String(body.filter))!;
        const found = state.runs.filter((one) => !one.deleted && one.tags[name!] === value);
        return ok(
          found.length > 0 ? { runs: found.map(({ id }) => ({ info: { run_id: id } })) } : {},
        );
      }
      case "runs/create": {
        const id = `run${state.runs.length}`;
        const tags = Object.fromEntries((body.tags ?? []).map(({ key, value }) => [key, value]));
        const made = { id, tags, params: {}, status: "RUNNING", deleted: false };
        state.runs.push({ ...made, metrics: new Map() });
        return ok({ run: { info: { run_id: id } } });
      }
      case "runs/log-batch":
        if (!run || run.deleted) return fail("RESOURCE_DOES_NOT_EXIST", "no such run");
        if ((body.metrics?.length ?? 0) > 1_000) return fail("INVALID_PARAMETER_VALUE", "too many");
        for (const { key, value } of body.params ?? []) run.params[key] = value;
        for (const { key, step, value, timestamp } of body.metrics ?? [])
          run.metrics.set(JSON.stringify([key, timestamp, value, step]), { key, step, value });
        return ok();
      case "runs/update":
        run!.status = String(body.status);
        return ok();
      case "runs/set-tag":
        run!.tags[String(body.key)] = String(body.value);
        return ok();
      case "runs/delete-tag":
        if (!(String(body.key) in run!.tags)) return fail("RESOURCE_DOES_NOT_EXIST", "no such tag");
        delete run!.tags[String(body.key)];
        return ok();
      case "runs/delete":
        run!.deleted = true;
        return ok();
      default:
        return fail("ENDPOINT_NOT_FOUND", path);
    }
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = "";
    for await (const part of request) text += String(part);
    const { pathname, searchParams } = new URL(request.url!, "http://tracker");
    if (request.headers.authorization) state.authorizations.add(request.headers.authorization);
    if (state.fault === "down") return void response.writeHead(503).end("closed for repairs");
    if (state.fault === "refused") return void response.writeHead(401).end("who are you?");
    const { status, body } = answer(pathname, searchParams, JSON.parse(text || "{}") as Body);
    const lost = state.fault === "lost-creation" && pathname.endsWith("runs/create");
    if (lost || state.fault === "lost-answers") return void response.destroy();
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const server = createServer((request, response) => void serve(request, response));
  const url = await listenLocally(server);
  return Object.assign(state, {
    url,
    stop: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  });
}
