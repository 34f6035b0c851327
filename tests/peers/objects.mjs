// What stripe-node's client makes and reads; prints what it found as JSON. Arguments: the address and the key.
import Stripe from "stripe";

const at = new URL(process.argv[2]);
const stripe = new Stripe(process.argv[3], {
  host: at.hostname,
  port: at.port,
  protocol: "http",
  maxNetworkRetries: 0,
  telemetry: false,
});

const customer = await stripe.customers.create({ name: "Zoë of Node", metadata: { user: "7" } }, { idempotencyKey: "node-1" });
const again = await stripe.customers.create({ name: "Zoë of Node", metadata: { user: "7" } }, { idempotencyKey: "node-1" });
const names = [];
for await (const each of stripe.customers.list({ limit: 2 })) {
  names.push(each.name);
}
const session = await stripe.checkout.sessions.create({
  mode: "payment",
  customer: customer.id,
  success_url: "https://uni.example/",
  line_items: [{ quantity: 2, price_data: { currency: "usd", unit_amount: 350, product_data: { name: "Shots" } } }],
});
const read = await stripe.checkout.sessions.retrieve(session.id, { expand: ["customer", "line_items"] });
const refusal = await stripe.paymentIntents
  .create({ amount: 700, currency: "usd", payment_method: "pm_card_visa_chargeDeclined", confirm: true })
  .catch((error) => error);
console.log(
  JSON.stringify({
    once: customer.id === again.id,
    listed: names.filter((name) => name === "Zoë of Node").length,
    total: read.amount_total,
    name: read.customer.name,
    quantity: read.line_items.data[0].quantity,
    refusal: [refusal.type, refusal.code, refusal.decline_code, refusal.statusCode],
    version: customer.lastResponse.apiVersion,
  }),
);
