import type { ApiException, BatchV1Api, CoreV1Api, V1Job, V1Pod } from "@kubernetes/client-node";
import { AppError } from "@/contracts/errors";
import { markMessage } from "@/core/texts/mark-message";
import { keepLogTail, type JobStatus, type PoolDriver } from "./driver";
import { buildJob, JOB_LABEL } from "./kubernetes-job";

type Client = typeof import("@kubernetes/client-node");

interface Cluster {
  client: Client;
  batch: BatchV1Api;
  core: CoreV1Api;
}

/** The library comes with the first pool that needs it, as most servers have none. */
async function openCluster(context: string): Promise<Cluster> {
  const client = await import("@kubernetes/client-node");
  const config = new client.KubeConfig();
  try {
    config.loadFromDefault();
    if (context) {
      if (!config.getContextObject(context)) throw new Error(`there is no context "${context}"`);
      config.setCurrentContext(context);
    }
    return {
      client,
      batch: config.makeApiClient(client.BatchV1Api),
      core: config.makeApiClient(client.CoreV1Api),
    };
  } catch (cause) {
    throw new AppError(
      "unsupported",
      `The kubeconfig cannot be used: ${(cause as Error).message}. It is ~/.kube/config of whoever started the server, or KUBECONFIG.`,
      { cause },
    );
  }
}

const readCode = (error: unknown): number | null =>
  error instanceof Error && "code" in error && typeof error.code === "number" ? error.code : null;

/** The API's own words of a refusal, which is a Status object. */
function explain(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = readCode(error);
  if (code === null)
    return new AppError(
      "unsupported",
      `Kubernetes does not answer: ${(error as Error).message.slice(0, 500)}`,
      { cause: error },
    );
  const { body } = error as ApiException<unknown>;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const message = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text;
  return new AppError("unsupported", `Kubernetes answered ${code}: ${message.slice(0, 1_000)}`, {
    cause: error,
  });
}

/** Passes over a refusal with one of these codes. */
const passOver =
  (...codes: number[]) =>
  (error: unknown): void => {
    if (!codes.includes(readCode(error) ?? 0)) throw error;
  };

const isPodOver = ({ status }: V1Pod): boolean =>
  status?.phase === "Succeeded" || status?.phase === "Failed";

const readTimes = (
  started: Date | string | undefined,
  ended: Date | string | undefined,
): Pick<JobStatus, "startedAt" | "endedAt"> => ({
  ...(started && { startedAt: new Date(started) }),
  ...(ended && { endedAt: new Date(ended) }),
});

/**
 * State of a job and its pod. It counts as running once its pod has a node: that is then taken, whatever the pod still
 * waits for, e.g. its image.
 */
export function readJobStatus(job: V1Job, pod: V1Pod | undefined): JobStatus {
  const condition = job.status?.conditions?.find(
    ({ type, status }) => status === "True" && (type === "Failed" || type === "Complete"),
  );
  const scheduled = pod?.status?.conditions?.find(({ type }) => type === "PodScheduled");
  const isScheduled = scheduled?.status === "True";
  const container = pod?.status?.containerStatuses?.[0];
  const { waiting, terminated } = container?.state ?? {};
  const said = [
    condition && `Failed: ${condition.reason ?? ""} ${condition.message ?? ""}`.trim(),
    terminated &&
      markMessage`container ended with code ${terminated.exitCode} (${terminated.reason ?? ""})`,
    waiting && `${waiting.reason ?? "waiting"}: ${waiting.message ?? ""}`.trim(),
  ].filter(Boolean);
  const times = readTimes(
    isScheduled ? scheduled.lastTransitionTime : undefined,
    terminated?.finishedAt ?? condition?.lastTransitionTime,
  );
  if (condition?.type === "Complete") return { phase: "ended", detail: "Complete", ...times };
  if (condition) return { phase: "failed", detail: said.join("; "), ...times };
  // A pod that was told to end counts no longer as active, and has its node until it has ended.
  const isPodThere = pod !== undefined && !isPodOver(pod);
  if (job.spec?.suspend && !job.status?.active && !isPodThere)
    return { phase: "ended", detail: "Suspended", ...times };
  if (!isScheduled)
    return { phase: "queued", detail: scheduled?.message ?? markMessage`waits for its pod` };
  return {
    phase: "running",
    detail: said.join("; ") || (pod?.status?.phase ?? "scheduled"),
    ...(times.startedAt && { startedAt: times.startedAt }),
  };
}

/**
 * Jobs of a Kubernetes cluster, through its official client. The token lies in a Secret of the job's name, which the
 * containers' environment is made of.
 */
export function createKubernetesDriver(context: string, namespace: string): PoolDriver {
  let opened: Promise<Cluster> | null = null;
  const ask = async <T>(work: (cluster: Cluster) => Promise<T>): Promise<T> => {
    opened ??= openCluster(context).catch((error: unknown) => {
      opened = null;
      throw error;
    });
    return work(await opened).catch((error: unknown) => {
      throw explain(error);
    });
  };
  const listPods = async ({ core }: Cluster, names: readonly string[]): Promise<V1Pod[]> => {
    const labelSelector = `${JOB_LABEL} in (${names.join(",")})`;
    return (await core.listNamespacedPod({ namespace, labelSelector })).items;
  };
  return {
    check: ({ name, script }) =>
      ask(async ({ client, batch }) => {
        const body = buildJob(client, script, name, namespace);
        await batch.createNamespacedJob({
          namespace,
          body,
          dryRun: "All",
          fieldValidation: "Strict",
        });
        return `Kubernetes would create the Job in the namespace ${namespace}`;
      }),
    submit: ({ name, script, token }) =>
      ask(async ({ client, batch, core }) => {
        const body = buildJob(client, script, name, namespace);
        const secret = {
          apiVersion: "v1",
          kind: "Secret",
          type: "Opaque",
          metadata: { name, namespace, labels: { [JOB_LABEL]: name } },
          stringData: { token },
        };
        await core.createNamespacedSecret({ namespace, body: secret }).catch(passOver(409));
        await batch
          .createNamespacedJob({ namespace, body, fieldValidation: "Strict" })
          .then(() => undefined, passOver(409));
        return name;
      }),
    list: (names) =>
      ask(async (cluster) => {
        const labelSelector = `${JOB_LABEL} in (${names.join(",")})`;
        const [{ items }, pods] = await Promise.all([
          cluster.batch.listNamespacedJob({ namespace, labelSelector }),
          listPods(cluster, names),
        ]);
        return new Map(
          items.map((job) => {
            const name = job.metadata?.name ?? "";
            const pod = pods.find(({ metadata }) => metadata?.labels?.[JOB_LABEL] === name);
            return [name, readJobStatus(job, pod)];
          }),
        );
      }),
    // A deleted Job takes its log with it, so it is suspended: its pod gets the time to end that the template gives it.
    cancel: (name) =>
      ask(async ({ client, batch }) => {
        await batch
          .patchNamespacedJob(
            { name, namespace, body: { spec: { suspend: true } } },
            client.setHeaderOptions("Content-Type", client.PatchStrategy.MergePatch),
          )
          .then(() => undefined, passOver(404));
      }),
    readLog: (name) =>
      ask(async (cluster) => {
        const pod = (await listPods(cluster, [name]))[0]?.metadata?.name;
        if (pod === undefined) return "";
        const log = await cluster.core
          .readNamespacedPodLog({ name: pod, namespace, tailLines: 100 })
          .catch((error: unknown) => {
            // A container that never began has no log.
            passOver(400, 404)(error);
            return "";
          });
        return keepLogTail(log);
      }),
    release: (name) =>
      ask(async ({ batch, core }) => {
        await batch
          .deleteNamespacedJob({ name, namespace, propagationPolicy: "Background" })
          .then(() => undefined, passOver(404));
        await core.deleteNamespacedSecret({ name, namespace }).then(() => undefined, passOver(404));
      }),
  };
}
