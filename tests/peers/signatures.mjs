// Asks stripe-node about signatures. In: JSON lines {"do", …}; out: one JSON line for each.
import { createInterface } from "node:readline";
import Stripe from "stripe";

const stripe = new Stripe("sk_test_unused");

const does = {
  sign: ({ payload, secret, timestamp }) => stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp }),
  verify: ({ payload, secret, header }) => {
    try {
      return stripe.webhooks.constructEvent(payload, header, secret).id;
    } catch (error) {
      return error.type;
    }
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  console.log(JSON.stringify(does[asked.do](asked)));
}
