import { assertEquals } from "@std/assert";
import { amount, exactAmount } from "../../src/gpu/amounts.ts";

Deno.test("amount() shows few digits and the largest unit of which there is one", () => {
  const { MAX_SAFE_INTEGER } = Number;
  for (
    const [bytes, text] of [
      [0, "0 bytes"],
      [1023, "1023 bytes"],
      [1024, "1 KiB"],
      [1536, "1.5 KiB"],
      [123456789, "118 MiB"],
      [2 ** 27, "128 MiB"],
      [2 ** 30 - 1, "1 GiB"],
      [2.25 * 2 ** 30, "2.25 GiB"],
      [MAX_SAFE_INTEGER, "8 PiB"],
      [2 ** 80, "1048576 EiB"],
    ] as const
  ) {
    assertEquals(amount(bytes), text);
  }
});

Deno.test("exactAmount() tells amounts apart that differ by a byte", () => {
  assertEquals(exactAmount(2 ** 27 + 4), "128 MiB (134217732 bytes)");
  assertEquals(exactAmount(4), "4 bytes");
});
