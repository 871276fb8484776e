"use client";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import type { ComponentProps } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatAgo, formatShortId, NONE } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useNow } from "@/app/_lib/hooks/use-now";
import { Select } from "@/app/_ui/field";

type CheckpointSelectProps = Omit<ComponentProps<typeof Select>, "value" | "onChange"> & {
  value: string | null;
  onChange: (id: string | null) => void;
  /** What is used without a checkpoint. */
  none?: string;
  /** Another choice beside the checkpoints. */
  other?: { value: string; text: string };
};

/** A choice among the kept checkpoints by run and step, with a link to the run that the chosen one is of. */
export function CheckpointSelect({
  value,
  onChange,
  none,
  other,
  ...props
}: CheckpointSelectProps) {
  const t = useText();
  const trpc = useTRPC();
  const now = useNow();
  const { data, isPending } = useQuery(
    trpc.runs.checkpointChoices.queryOptions({ chosen: isId(value) ? value : null }),
  );
  const chosen = data?.find(({ id }) => id === value);
  return (
    <>
      <Select {...props} value={value ?? ""} onChange={(e) => onChange(e.target.value || null)}>
        <option value="">{none ?? t("None: the untrained model")}</option>
        {other ? <option value={other.value}>{other.text}</option> : null}
        {value && !chosen && value !== other?.value ? (
          <option value={value}>
            {isPending
              ? formatShortId(value)
              : t("{id}, not kept here", { id: formatShortId(value) })}
          </option>
        ) : null}
        {data?.map(({ id, run, step, model, createdAt }) => (
          <option key={id} value={id}>
            {t("{run}, step {step} ({model}, {ago})", {
              run,
              step,
              model: model ?? NONE,
              ago: formatAgo(t, createdAt, now),
            })}
          </option>
        ))}
      </Select>
      {chosen ? (
        <p className="mt-1 text-xs">
          {t.rich("Step {step} of <link>{run}</link>", {
            step: chosen.step,
            run: chosen.run,
            link: (text) => (
              <Link href={`/runs/${chosen.runId}`} className="text-primary hover:underline">
                {text}
              </Link>
            ),
          })}
        </p>
      ) : null}
    </>
  );
}

const isId = (value: string | null): value is string =>
  value !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
