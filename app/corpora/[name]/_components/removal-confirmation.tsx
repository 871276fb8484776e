"use client";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatBytes, formatInteger } from "@/app/_lib/format/format";
import type { CorpusDetail } from "@/app/_lib/live/trpc";
import { useTask } from "@/app/_lib/live/use-task";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";
import { removeCorpusResultSchema } from "@/contracts/worker-protocol/tasks";

/** What would be deleted and from which worker; deletes it, and leaves the page. */
export function RemovalConfirmation({
  corpus,
  workers,
  onCancel,
}: {
  corpus: CorpusDetail;
  workers: CorpusDetail["workers"];
  onCancel: () => void;
}) {
  const t = useText();
  const router = useRouter();
  const notify = useNotify();
  const { task, start, running, error } = useTask();
  const [workerId, setWorkerId] = useState(workers[0]?.id ?? "");
  const failure = error ?? task?.error ?? null;
  useEffect(() => {
    if (task?.state !== "succeeded") return;
    const freed = removeCorpusResultSchema.safeParse(task.result);
    notify(
      "good",
      freed.success
        ? t("{name} is deleted: {size} freed", {
            name: corpus.name,
            size: formatBytes(freed.data.freedBytes),
          })
        : t("{name} is deleted", { name: corpus.name }),
    );
    router.push("/corpora");
  }, [task?.state, task?.result, corpus.name, notify, router, t]);
  return (
    <>
      <p>{describeSize(t, corpus)}</p>
      {workers.length > 1 ? (
        <div className="mt-3">
          <label htmlFor="remove-from" className="font-medium">
            {t("From")}
          </label>
          <Select
            id="remove-from"
            className="mt-1"
            value={workerId}
            onChange={(event) => setWorkerId(event.target.value)}
            options={workers.map((worker) => ({ value: worker.id, text: worker.name }))}
          />
        </div>
      ) : null}
      {failure ? (
        <ErrorState className="mt-3" title={t("It is not deleted")} error={failure} />
      ) : null}
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={onCancel}>{t("Cancel")}</Button>
        <Button
          variant="danger"
          disabled={running || task?.state === "succeeded"}
          onClick={() => start({ kind: "remove-corpus", corpus: corpus.name, workerId })}
        >
          {running ? t("Deleting") : t("Delete")}
        </Button>
      </div>
    </>
  );
}

/** What a corpus and its indexes hold together. */
function describeSize(t: Text, { documents, indexes, bytes }: CorpusDetail): string {
  const values = {
    indexes: indexes.length,
    size: formatBytes(indexes.reduce((sum, index) => sum + index.bytes, bytes)),
  };
  return documents === null
    ? t(
        "An unknown number of passages, {indexes, plural, one {# index} other {# indexes}}, {size}.",
        values,
      )
    : t("{passages} passages, {indexes, plural, one {# index} other {# indexes}}, {size}.", {
        ...values,
        passages: formatInteger(documents),
      });
}
