"use client";
import { Pencil } from "lucide-react";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { deferPart } from "@/app/_ui/optional-part";

const EditDialog = deferPart(
  () => import("@/app/runs/_components/edit-dialog").then((m) => m.EditDialog),
  () => null,
);

/** Tags and notes of the run, and where they are written. */
export function RunNotes({ run }: { run: RunDetail }) {
  const t = useText();
  const [isEdited, setIsEdited] = useState(false);
  return (
    <div className="mt-1.5 flex flex-wrap items-start gap-1.5" data-run-notes>
      {run.tags.map((tag) => (
        <Badge key={tag} tone="outline" className="mt-0.5">
          {tag}
        </Badge>
      ))}
      {run.notes ? (
        <p className="max-w-prose min-w-0 text-xs break-words whitespace-pre-wrap">{run.notes}</p>
      ) : null}
      <Button
        variant="ghost"
        size="sm"
        className="-my-0.5 h-6 print:hidden"
        onClick={() => setIsEdited(true)}
      >
        <Pencil /> {t("Name, tags, notes")}
      </Button>
      {isEdited ? <EditDialog run={run} onClose={() => setIsEdited(false)} /> : null}
    </div>
  );
}
