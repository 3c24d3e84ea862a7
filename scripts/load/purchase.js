// The whole purchase path, 100 people at a time: search, product, three things into the cart, checkout, payment at the provider, paid.
// Half of them let the app confirm the payment, as it races the provider's webhook; the others wait for the webhook. One in ten
// changes their mind before paying and buys what the cart gives back; one in ten cancels what is paid, and is refunded.
import http from 'k6/http';
import { check, fail, sleep } from 'k6';
import { SharedArray } from 'k6/data';
import { Counter, Trend } from 'k6/metrics';
import exec from 'k6/execution';
import { any, table } from './report.js';

const people = new SharedArray('people', () => JSON.parse(open(__ENV.PEOPLE)));
const stack = JSON.parse(open(__ENV.ENDPOINTS));
const api = `${stack.api}/v1`;
const kinds = ['search', 'product', 'cart', 'checkout', 'confirm', 'order', 'cancel'];
const took = Object.fromEntries(kinds.map((kind) => [kind, new Trend(`atrium_${kind}`, true)]));
const untilPaid = new Trend('atrium_until_paid', true); // from the payment at the provider until the order says so
const bought = new Counter('atrium_bought');

export const options = {
  scenarios: {
    purchase: { executor: 'constant-vus', vus: Number(__ENV.VUS || 100), duration: __ENV.DURATION || '60s', gracefulStop: '60s' },
  },
  summaryTrendStats: ['p(50)', 'p(95)', 'p(99)', 'max'],
  thresholds: { http_req_failed: ['rate==0'], checks: ['rate==1'], iterations: ['count>0'] },
};

const words = ['oak lamp', 'linen', 'brass table', 'wool rug', 'walnut shelf', 'glass vase'];
let address; // of this virtual person

function call(kind, method, path, body, status, headers) {
  const response = http.request(method, `${api}${path}`, body === undefined ? null : JSON.stringify(body), { headers, tags: { name: kind } });
  if (took[kind]) took[kind].add(response.timings.duration);
  if (!check(response, { [`${kind} answers ${status}`]: (r) => r.status === status })) fail(`${kind}: ${response.status} ${response.body}`);
  return response.body ? response.json() : null;
}

export default function () {
  const person = people[(exec.vu.idInTest - 1) % people.length];
  const headers = { Authorization: `Bearer ${person.token}`, 'Content-Type': 'application/json' };
  const once = (step) => ({ ...headers, 'Idempotency-Key': `${step}-${exec.vu.idInTest}-${exec.vu.iterationInScenario}` });
  if (!address) {
    sleep(Math.random()); // not all in the same instant
    address = call('address', 'POST', '/me/addresses', { name: 'A Walker', line1: 'Example Street 1', city: 'Berlin', postal_code: '10115', country: 'DE' }, 201, headers).id;
  }

  const found = call('search', 'GET', `/products?in_stock=true&q=${encodeURIComponent(any(words))}`, undefined, 200, headers).items;
  let cart;
  for (let line = 0; line < 3; line++) {
    const product = call('product', 'GET', `/products/${any(found).id}`, undefined, 200, headers);
    cart = call('cart', 'PUT', `/cart/items/${product.variants[0].id}`, { quantity: 1 + line }, 200, headers);
  }
  let order = call('checkout', 'POST', '/checkout', { cart_version: cart.version, address_id: address }, 201, once('checkout'));
  if (exec.vu.iterationInScenario % 10 === 3) {
    call('cancel', 'POST', `/orders/${order.id}/cancel`, undefined, 200, once('mind'));
    cart = call('cart', 'GET', '/cart', undefined, 200, headers);
    order = call('checkout', 'POST', '/checkout', { cart_version: cart.version, address_id: address }, 201, once('again'));
  }

  const paid = http.post(`${stack.stripe}/test/payment_intents/${order.payment.intent_id}/succeed`, null, { tags: { name: 'provider' } });
  check(paid, { 'the provider takes the money': (r) => r.status === 200 });
  const began = Date.now();
  if (exec.vu.idInTest % 2 === 0) call('confirm', 'POST', `/orders/${order.id}/payment`, undefined, 200, once('confirm'));
  for (;;) {
    const now = call('order', 'GET', `/orders/${order.id}`, undefined, 200, headers);
    if (now.status === 'paid') break;
    if (now.status !== 'pending_payment' || Date.now() - began > 30000) fail(`an order that was paid is ${now.status}`);
    sleep(0.2);
  }
  untilPaid.add(Date.now() - began);
  bought.add(1);
  if (exec.vu.iterationInScenario % 10 === 7) call('cancel', 'POST', `/orders/${order.id}/cancel`, undefined, 200, once('refund'));
}

export const handleSummary = (data) => table(data, [...kinds, 'until_paid'], [`bought     ${data.metrics.atrium_bought ? data.metrics.atrium_bought.values.count : 0}`]);
