import { z } from "zod";
import type { MirrorAddress } from "@/contracts/api/mirrors";
import { chunk } from "@/lib/chunk";
import { describeFetchError } from "@/lib/errors";
import { parseJsonOrNull } from "@/lib/json";
import { flattenConfig } from "@/core/run/config-groups";
import { TERMINAL_STATES } from "@/core/run/transitions";
import type { RunState } from "@/contracts/records/run-state";
import { fetchGuarded } from "@/server/platform/guarded-agent";
import type { MirroredRun, MirrorTarget, Place } from "./target";

const ANSWER_MS = 15_000;
/** Of one request, as MLflow's REST API documents them. */
const MOST = { metrics: 1_000, params: 100, paramLength: 6_000, tagLength: 5_000 } as const;
/** Tag by which a run is found again whose creation was not answered. */
const PLACE_TAG = "s3.mirror_place";

/** Tag with the reason of a failure. */
const ERROR_TAG = "s3.error";

const STATUSES: Partial<Record<RunState, string>> = {
  succeeded: "FINISHED",
  failed: "FAILED",
  cancelled: "KILLED",
};

const experimentAnswerSchema = z.object({ experiment: z.object({ experiment_id: z.string() }) });
const createdAnswerSchema = z.object({ experiment_id: z.string() });
const runAnswerSchema = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) });
const foundAnswerSchema = z.object({
  runs: z.array(runAnswerSchema.shape.run).default([]),
});
const errorAnswerSchema = z.object({ error_code: z.string(), message: z.string().default("") });

class MlflowError extends Error {
  constructor(
    readonly code: string | null,
    message: string,
  ) {
    super(message);
  }
}

/** A setting as a parameter; lists as JSON. */
function formatParam(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > MOST.paramLength ? `${text.slice(0, MOST.paramLength - 8)}… (cut)` : text;
}

/** Lets pass that what was to be removed is not there. */
const ignoreMissing = (removal: Promise<unknown>): Promise<unknown> =>
  removal.catch((error: unknown) => {
    if (!(error instanceof MlflowError) || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
  });

type MlflowAddress = Extract<MirrorAddress, { kind: "mlflow" }>;

const ignoredSchema = z.unknown();

/** The REST API of a tracking server. Its calls throw an `MlflowError` with what the server answers. */
class MlflowServer {
  constructor(private readonly address: MlflowAddress) {}

  post<T>(path: string, body: Record<string, unknown>, schema: z.ZodType<T>): Promise<T> {
    return this.call("POST", path, body, schema);
  }

  /** Id of the address' experiment, which is made where there is none. */
  async findExperiment(): Promise<string> {
    const read = async () => {
      const { experiment } = await this.call(
        "GET",
        "experiments/get-by-name",
        { experiment_name: this.address.experiment },
        experimentAnswerSchema,
      );
      return experiment.experiment_id;
    };
    return read().catch(async (error: unknown) => {
      if (!(error instanceof MlflowError) || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
      const created = await this.post(
        "experiments/create",
        { name: this.address.experiment },
        createdAnswerSchema,
      ).catch((failure: unknown) => {
        // Somebody else made it meanwhile.
        if (failure instanceof MlflowError && failure.code === "RESOURCE_ALREADY_EXISTS")
          return null;
        throw failure;
      });
      return created?.experiment_id ?? read();
    });
  }

  private async call<T>(
    method: "GET" | "POST",
    path: string,
    body: Record<string, unknown>,
    answerSchema: z.ZodType<T>,
  ): Promise<T> {
    const base = `${this.address.url.replace(/\/+$/, "")}/api/2.0/mlflow/${path}`;
    const url =
      method === "GET" ? `${base}?${new URLSearchParams(body as Record<string, string>)}` : base;
    const response = await fetchGuarded(url, {
      method,
      headers: { "content-type": "application/json", ...authorise(this.address) },
      ...(method === "POST" && { body: JSON.stringify(body) }),
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS),
    }).catch((error: unknown) => {
      throw new Error(describeFetchError(error), { cause: error });
    });
    const text = await response.text();
    const json = parseJsonOrNull(text);
    if (!response.ok) {
      const told = errorAnswerSchema.safeParse(json).data;
      throw new MlflowError(
        told?.error_code ?? null,
        `MLflow answered ${response.status} to ${path}: ${(told ? `${told.error_code}: ${told.message}` : text).slice(0, 300)}`,
      );
    }
    const answer = answerSchema.safeParse(json);
    if (!answer.success)
      throw new Error(`What answered ${path} is not MLflow: ${text.slice(0, 200)}`);
    return answer.data;
  }
}

/** The run at a place of a mirror: found by its mark, or made. @returns its id */
async function openRun(server: MlflowServer, run: MirroredRun, mark: string): Promise<string> {
  const experiment = await server.findExperiment();
  const found = await server.post(
    "runs/search",
    { experiment_ids: [experiment], filter: `tags.\`${PLACE_TAG}\` = '${mark}'`, max_results: 1 },
    foundAnswerSchema,
  );
  if (found.runs[0]) return found.runs[0].info.run_id;
  const created = await server.post(
    "runs/create",
    {
      experiment_id: experiment,
      run_name: run.name,
      start_time: run.startedAt.getTime(),
      tags: [
        { key: PLACE_TAG, value: mark },
        { key: "s3.run_id", value: run.id },
        { key: "s3.kind", value: run.kind },
        ...(run.tags.length > 0
          ? [{ key: "s3.tags", value: run.tags.join(", ").slice(0, MOST.tagLength) }]
          : []),
      ],
    },
    runAnswerSchema,
  );
  return created.run.info.run_id;
}

/** Sets a run's state. */
function updateRun(server: MlflowServer, place: Place, run: MirroredRun): Promise<unknown> {
  const ended = TERMINAL_STATES.has(run.state);
  return server.post(
    "runs/update",
    {
      run_id: place.run,
      status: STATUSES[run.state] ?? "RUNNING",
      ...(ended && { end_time: (run.endedAt ?? new Date()).getTime() }),
    },
    ignoredSchema,
  );
}

/**
 * Runs of an MLflow tracking server, over its REST API (https://mlflow.org/docs/latest/rest-api.html).
 *
 * Sending points twice leaves them once: the server's store keeps one row for each metric, step, time and value.
 *
 * @param mirrorId tells places of this mirror from those of other installations
 */
export function createMlflowTarget(address: MlflowAddress, mirrorId: string): MirrorTarget {
  const server = new MlflowServer(address);

  return {
    takes: "points",
    takesBack: true,
    async open(run, generation) {
      const id = await openRun(server, run, `${mirrorId}/${run.id}/${generation}`);
      // A parameter that is there with the same value is left as it is.
      const params = [...flattenConfig(run.config)].map(([key, value]) => ({
        key,
        value: formatParam(value),
      }));
      for (const part of chunk(params, MOST.params))
        await server.post("runs/log-batch", { run_id: id, params: part }, ignoredSchema);
      return { run: id };
    },
    async append(place, _run, points) {
      for (const part of chunk(points, MOST.metrics)) {
        const metrics = part.map(({ name, step, value, at }) => ({
          key: toMetricKey(name),
          step,
          value,
          timestamp: Math.round(at),
        }));
        await server.post("runs/log-batch", { run_id: place.run, metrics }, ignoredSchema);
      }
      return { place };
    },
    async tell(place, run) {
      await updateRun(server, place, run);
      if (run.error)
        await server.post(
          "runs/set-tag",
          { run_id: place.run, key: ERROR_TAG, value: run.error.slice(0, MOST.tagLength) },
          ignoredSchema,
        );
      // It may be there of an end that the run was resumed after.
      else
        await ignoreMissing(
          server.post("runs/delete-tag", { run_id: place.run, key: ERROR_TAG }, ignoredSchema),
        );
    },
    async withdraw(place) {
      // Whoever deleted it has done what was to be done.
      await ignoreMissing(server.post("runs/delete", { run_id: place.run }, ignoredSchema));
    },
    async test() {
      await server.findExperiment();
    },
  };
}

/** What MLflow takes in a name; any other character is written as its code, so that no two names become one. */
export const toMetricKey = (name: string): string =>
  name.replaceAll(
    /[^A-Za-z0-9_\-./ :]/g,
    (character) => `_x${character.codePointAt(0)!.toString(16)}_`,
  );

function authorise({
  user,
  secret,
}: Pick<MlflowAddress, "user" | "secret">): Record<string, string> {
  if (user)
    return { authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}` };
  return secret ? { authorization: `Bearer ${secret}` } : {};
}
