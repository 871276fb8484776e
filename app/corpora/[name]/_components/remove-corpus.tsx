"use client";
import { Trash2 } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import type { CorpusDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";

/** Loaded once it is opened: it reads what a worker's task answers. */
const RemovalConfirmation = dynamic(
  () => import("./removal-confirmation").then((m) => m.RemovalConfirmation),
  { ssr: false },
);

/** Deletes an imported corpus from a worker, once a person has confirmed it. */
export function RemoveCorpusButton({ corpus }: { corpus: CorpusDetail }) {
  const t = useText();
  const [confirming, setConfirming] = useState(false);
  const online = corpus.workers.filter((worker) => worker.online);
  const reason =
    corpus.manifest === null
      ? t("It was put on the worker by hand or by the set-up, and is removed there")
      : online.length === 0
        ? t("No worker that holds it is online")
        : undefined;
  return (
    <>
      <Button disabled={reason !== undefined} title={reason} onClick={() => setConfirming(true)}>
        <Trash2 /> {t("Delete")}
      </Button>
      <Dialog
        open={confirming}
        onOpenChange={setConfirming}
        title={t("Delete {name}?", { name: corpus.name })}
        description={t(
          "Its passages and indexes are deleted from the worker, for good. Runs that used it keep their episodes, with the passages that these name.",
        )}
      >
        <RemovalConfirmation
          corpus={corpus}
          workers={online}
          onCancel={() => setConfirming(false)}
        />
      </Dialog>
    </>
  );
}
