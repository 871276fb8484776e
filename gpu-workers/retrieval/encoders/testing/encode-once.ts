import { Encoder } from "../encoder";

/** A program that encodes one text. */
const encoder = await Encoder.load("minilm", "int8", { threads: 1 });
await encoder.encode(["Nairobi lies on the river Athi."], "query");
await encoder.close();
