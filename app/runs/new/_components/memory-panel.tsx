import { markText, type Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import type { RunCheck } from "@/app/_lib/live/trpc";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { MemoryEstimate } from "./memory-estimate";
import { MemoryPlanner } from "./memory-planner";

type Estimate = NonNullable<RunCheck["memory"]>[number];

const DEVICE: Record<Estimate["device"], string> = {
  cpu: markText("RAM of {worker}"),
  cuda: markText(
    "{ranks, plural, one {a GPU of {worker}} other {each of the # GPUs of {worker}, which share the model}}",
  ),
  mps: markText("the GPU of {worker}"),
};

/** Where the memory is that an estimate is compared with. */
const describePlace = (t: Text, { worker, device, ranks }: Estimate): string =>
  worker === null
    ? t("no worker could take it; one GPU is assumed")
    : t(DEVICE[device], { worker, ranks });

interface MemoryPanelProps {
  config: TrainConfig;
  estimates: readonly Estimate[];
  /** Workers whose engine has not joined its Ray cluster yet. */
  unjoined: readonly string[];
}

/** The estimated memory of a training run, on the workers and on GPUs that one thinks of. It warns and never refuses. */
export function MemoryPanel({ config, estimates, unjoined }: MemoryPanelProps) {
  const t = useText();
  return (
    <section className="mt-3 border-t pt-3 text-xs" aria-label={t("Memory")}>
      <h3 className="font-medium">{t("Memory, estimated")}</h3>
      {estimates.map((estimate) => (
        <MemoryEstimate
          key={estimate.worker ?? ""}
          estimate={estimate}
          place={describePlace(t, estimate)}
        />
      ))}
      {unjoined.map((worker) => (
        <p key={worker} className="mt-1.5 text-muted-foreground">
          {t(
            "{worker}: not known yet. Its engine takes the GPUs of a Ray cluster, and has not joined it since the worker started; a dry run does.",
            { worker },
          )}
        </p>
      ))}
      <MemoryPlanner config={config} />
    </section>
  );
}
