"use client";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Input } from "@/app/_ui/field";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";

interface QuestionFormProps {
  question: string;
  expected: string;
  onAsk: (question: string, expected: string) => void;
}

/** The question, and the answer that counts as right where it is known. */
export function QuestionForm({ question, expected, onAsk }: QuestionFormProps) {
  const t = useText();
  const [text, setText] = useState(question);
  const [answer, setAnswer] = useState(expected);
  return (
    <form
      className="mt-3 grid gap-2 sm:grid-cols-[minmax(0,1fr)_14rem_auto]"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== "") onAsk(text.trim(), answer.trim());
      }}
    >
      <Input
        aria-label={t("Question")}
        placeholder={t("Any question")}
        autoComplete="off"
        className="h-9"
        maxLength={MAX_QUERY_LENGTH}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Input
        aria-label={t("Expected answer (optional)")}
        placeholder={t("Expected answer (optional)")}
        autoComplete="off"
        className="h-9"
        maxLength={500}
        value={answer}
        onChange={(event) => setAnswer(event.target.value)}
      />
      <Button type="submit" variant="primary" className="h-9" disabled={text.trim() === ""}>
        {t("Ask")}
      </Button>
    </form>
  );
}
