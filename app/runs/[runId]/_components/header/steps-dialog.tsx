"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";
import type { TrainConfig } from "@/contracts/run-config/train-config";

interface StepsDialogProps {
  run: RunDetail;
  config: TrainConfig;
  onClose: () => void;
}

/** Raises or lowers the steps of a run that has not ended. */
export function StepsDialog({ run, config, onClose }: StepsDialogProps) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [text, setText] = useState(String(config.rl.steps));
  const steps = Number(text);
  const isValid = Number.isInteger(steps) && steps > 0 && steps !== config.rl.steps;
  const change = useMutation(
    trpc.runs.changeSteps.mutationOptions({
      onSuccess: ({ from, to }) => {
        notify("good", t("{to} steps in place of {from}", { to, from }));
        void queryClient.invalidateQueries(trpc.runs.pathFilter());
        onClose();
      },
    }),
  );
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Steps of this run")}
      description={t(
        "It counts from the next step of the worker, and is kept in the run's history. Learning rates and warm-ups count steps from the first and stay as they are; only the last evaluation and checkpoint move to the new end.",
      )}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isValid) change.mutate({ id: run.id, steps });
        }}
      >
        <LabelledField
          id="total-steps"
          label={t("Steps in total")}
          hint={t("Now {steps}", { steps: config.rl.steps })}
        >
          <Input
            id="total-steps"
            type="number"
            min={1}
            step={1}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </LabelledField>
        <ErrorState className="mt-3" title={t("Not changed")} error={change.error} />
        <div className="mt-4 flex justify-end gap-2">
          <Button onClick={onClose}>{t("Keep it")}</Button>
          <Button type="submit" variant="primary" disabled={!isValid || change.isPending}>
            {t("Change")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
