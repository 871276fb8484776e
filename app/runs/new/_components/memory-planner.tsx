import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useDelayed } from "@/app/_lib/hooks/use-delayed";
import { Input } from "@/app/_ui/field";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { MemoryEstimate } from "./memory-estimate";

/** How long nothing must change before the plan is asked for. */
const DELAY_MS = 350;

/** A number that was typed; null where it is none that is allowed. */
const parsePositive = (text: string, most: number): number | null => {
  const value = Number(text);
  return text.trim() !== "" && value > 0 && value <= most ? value : null;
};

/** Plans the memory for GPUs that need not be attached: how many, and how large. */
export function MemoryPlanner({ config }: { config: TrainConfig }) {
  const t = useText();
  const id = useId();
  const trpc = useTRPC();
  const [typed, setTyped] = useState({ gpus: "", gibibytes: "80" });
  const gpus = parsePositive(typed.gpus, 1024);
  const gibibytes = parsePositive(typed.gibibytes, 4096);
  const settled = useDelayed(typed, DELAY_MS) === typed;
  const valid = gpus !== null && Number.isInteger(gpus) && gibibytes !== null;
  const plan = useQuery(
    trpc.runs.planMemory.queryOptions(valid && settled ? { config, gpus, gibibytes } : skipToken, {
      placeholderData: keepPreviousData,
    }),
  );
  return (
    <div className="mt-3">
      <h4 className="text-muted-foreground">{t("On other GPUs, attached or not")}</h4>
      <div className="mt-1 flex flex-wrap items-center gap-2">
        <Input
          id={`${id}gpus`}
          className="w-16"
          inputMode="numeric"
          aria-label={t("Number of GPUs")}
          aria-invalid={typed.gpus !== "" && !valid}
          value={typed.gpus}
          onChange={({ target }) => setTyped({ ...typed, gpus: target.value })}
        />
        <label htmlFor={`${id}gpus`}>{t("GPUs of")}</label>
        <Input
          id={`${id}gibibytes`}
          className="w-16"
          inputMode="decimal"
          aria-label={t("Memory of a GPU in GiB")}
          aria-invalid={gibibytes === null}
          value={typed.gibibytes}
          onChange={({ target }) => setTyped({ ...typed, gibibytes: target.value })}
        />
        <label htmlFor={`${id}gibibytes`}>GiB</label>
      </div>
      <div aria-live="polite">
        {typed.gpus !== "" && !valid ? (
          <p className="mt-1 text-bad">
            {t("Give a whole number of GPUs, at most 1024, and the memory of one in GiB.")}
          </p>
        ) : null}
        {plan.isError ? <p className="mt-1 text-bad">{t.message(plan.error.message)}</p> : null}
        {valid && plan.data ? (
          <MemoryEstimate
            estimate={plan.data}
            place={t(
              "{ranks, plural, one {one GPU} other {each of # GPUs, which share the model}}",
              {
                ranks: plan.data.ranks,
              },
            )}
          />
        ) : null}
        {valid && plan.data === null ? (
          <p className="mt-1 text-muted-foreground">
            {t("Not known: no attached worker has one of the models, so its shape is not known.")}
          </p>
        ) : null}
      </div>
    </div>
  );
}
