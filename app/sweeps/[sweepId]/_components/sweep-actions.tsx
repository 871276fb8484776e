"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ClipboardCopy, Download, Play, Square, Trash2 } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { copyText } from "@/app/_lib/copy-text";
import { saveFile } from "@/app/_lib/save-file";
import { useTRPC, type SweepDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { useNotify } from "@/app/_ui/toast";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { formatSweepCsv, formatSweepMarkdown } from "@/core/sweep/sweep-table";

/** Actions on all runs of the sweep, and the export of its table. */
export function SweepActions({ sweep }: { sweep: SweepDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const router = useRouter();
  const [asked, setAsked] = useState<"cancel" | "delete" | null>(null);
  const close = () => setAsked(null);
  const done = (text: string) => {
    notify("good", text);
    void queryClient.invalidateQueries(trpc.sweeps.pathFilter());
    void queryClient.invalidateQueries(trpc.runs.pathFilter());
  };
  const onError = (error: { message: string }) => notify("bad", error.message);
  const cancel = useMutation(
    trpc.sweeps.cancel.mutationOptions({
      onSuccess: ({ cancelled, cancelling }) =>
        done(
          cancelling > 0
            ? t(
                "{cancelled, plural, one {# run} other {# runs}} cancelled, {cancelling} cancelling",
                { cancelled, cancelling },
              )
            : t("{cancelled, plural, one {# run} other {# runs}} cancelled", { cancelled }),
        ),
      onError,
    }),
  );
  const retry = useMutation(
    trpc.sweeps.retry.mutationOptions({
      onSuccess: ({ queued }) =>
        done(t("{queued, plural, one {# run} other {# runs}} queued again", { queued })),
      onError,
    }),
  );
  const remove = useMutation(
    trpc.sweeps.remove.mutationOptions({
      onSuccess: ({ runs }) => {
        done(t("Deleted; its {runs, plural, one {# run} other {# runs}} stay", { runs }));
        router.push("/sweeps");
      },
      onError,
    }),
  );
  const open = sweep.members.filter((run) => !TERMINAL_STATES.has(run.state)).length;
  const { failed = 0, cancelled = 0 } = sweep.counts;
  return (
    <div className="flex flex-wrap gap-2">
      {open > 0 ? (
        <Button variant="danger" disabled={cancel.isPending} onClick={() => setAsked("cancel")}>
          <Square /> {t("Cancel all")}
        </Button>
      ) : null}
      {failed > 0 ? (
        <Button disabled={retry.isPending} onClick={() => retry.mutate({ id: sweep.id })}>
          <Play /> {t("Run {failed} failed again", { failed })}
        </Button>
      ) : null}
      {cancelled > 0 ? (
        <Button
          disabled={retry.isPending}
          onClick={() => retry.mutate({ id: sweep.id, cancelled: true })}
        >
          <Play /> {t("Resume {count}", { count: failed + cancelled })}
        </Button>
      ) : null}
      <ExportMenu sweep={sweep} />
      {open > 0 ? null : (
        <Button variant="ghost" onClick={() => setAsked("delete")}>
          <Trash2 /> {t("Delete")}
        </Button>
      )}
      <ConfirmDialog
        open={asked === "cancel"}
        onClose={close}
        title={t("Cancel {count, plural, one {# run} other {# runs}}?", { count: open })}
        description={t(
          "Those that run stop after their current call; those that have ended stay as they are.",
        )}
        confirmLabel={t("Cancel them")}
        pending={cancel.isPending}
        onConfirm={() => {
          cancel.mutate({ id: sweep.id });
          close();
        }}
      />
      <ConfirmDialog
        open={asked === "delete"}
        onClose={close}
        title={t("Delete this sweep?")}
        description={t(
          "Its table goes; its {runs, plural, one {# run} other {# runs}} stay, as runs of their own.",
          { runs: sweep.runs },
        )}
        confirmLabel={t("Delete the sweep")}
        pending={remove.isPending}
        onConfirm={() => remove.mutate({ id: sweep.id })}
      />
    </div>
  );
}

/** The sweep's table as files. */
function ExportMenu({ sweep }: { sweep: SweepDetail }) {
  const t = useText();
  const notify = useNotify();
  const file = sweep.name.replaceAll(/[^\w-]+/g, "-").toLowerCase();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button>
          <Download /> {t("Export")}
        </Button>
      </MenuTrigger>
      <MenuContent>
        <MenuItem
          onSelect={() => saveFile(`${file}.md`, "text/markdown", formatSweepMarkdown(sweep))}
        >
          <Download /> {t("Markdown, by setting")}
        </MenuItem>
        <MenuItem onSelect={() => saveFile(`${file}.csv`, "text/csv", formatSweepCsv(sweep))}>
          <Download /> {t("CSV, by run")}
        </MenuItem>
        <MenuItem
          onSelect={() => copyText(t, formatSweepMarkdown(sweep), t("Copied as Markdown"), notify)}
        >
          <ClipboardCopy /> {t("Copy Markdown")}
        </MenuItem>
      </MenuContent>
    </Menu>
  );
}
