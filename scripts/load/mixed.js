// The mixed profile: 500 people, each with one second between two requests.
// 60 % feed, 15 % post detail, 10 % likes and follows, 5 % search, 5 % cart, 5 % comments.
import http from 'k6/http';
import { check, sleep } from 'k6';
import { SharedArray } from 'k6/data';
import { Trend } from 'k6/metrics';
import exec from 'k6/execution';
import { any, table } from './report.js';

const people = new SharedArray('people', () => JSON.parse(open(__ENV.PEOPLE)));
const api = `${JSON.parse(open(__ENV.ENDPOINTS)).api}/v1`;
const kinds = ['feed', 'detail', 'like', 'follow', 'search', 'cart', 'comment'];
const took = Object.fromEntries(kinds.map((kind) => [kind, new Trend(`atrium_${kind}`, true)]));

export const options = {
  scenarios: {
    mixed: { executor: 'constant-vus', vus: Number(__ENV.VUS || 500), duration: __ENV.DURATION || '90s', gracefulStop: '10s' },
  },
  summaryTrendStats: ['p(50)', 'p(95)', 'p(99)', 'max'],
  thresholds: {
    http_req_failed: ['rate<0.001'],
    checks: ['rate>0.999'],
    http_req_duration: ['p(95)<200'],
    atrium_feed: ['p(95)<500'],
  },
};

// What each virtual person has seen so far.
const seen = { posts: [], authors: [], variants: [], started: false };
const words = ['oak lamp', 'linen', 'brass table', 'wool rug', 'walnut shelf', 'glas vase'];

export default function () {
  const person = people[(exec.vu.idInTest - 1) % people.length];
  const headers = { Authorization: `Bearer ${person.token}`, 'Content-Type': 'application/json' };
  if (!seen.started) {
    seen.started = true;
    sleep(Math.random()); // not all in the same instant
    feed(headers);
    search(headers);
    return;
  }
  const dice = Math.random() * 100;
  if (dice < 60) feed(headers);
  else if (dice < 75) done('detail', http.get(`${api}/posts/${any(seen.posts)}`, { headers, tags: { name: 'detail' } }), 200);
  else if (dice < 82) done('like', http.put(`${api}/posts/${any(seen.posts)}/like`, null, { headers, tags: { name: 'like' } }), 204);
  else if (dice < 85) done('follow', http.put(`${api}/users/${any(seen.authors)}/follow`, null, { headers, tags: { name: 'follow' } }), 204);
  else if (dice < 90) search(headers);
  else if (dice < 95) done('cart', http.put(`${api}/cart/items/${any(seen.variants)}`, '{"quantity": 1}', { headers, tags: { name: 'cart' } }), 200);
  else done('comment', http.post(`${api}/posts/${any(seen.posts)}/comments`, '{"text": "How lovely!"}', { headers, tags: { name: 'comment' } }), 201);
  sleep(1);
}

function done(kind, response, status) {
  took[kind].add(response.timings.duration);
  check(response, { [`${kind} answers ${status}`]: (r) => r.status === status });
  return response;
}

function feed(headers) {
  const response = done('feed', http.get(`${api}/feed`, { headers, tags: { name: 'feed' } }), 200);
  if (response.status === 200 && seen.posts.length === 0) {
    for (const post of response.json('items')) {
      seen.posts.push(post.id);
      seen.authors.push(post.author.id);
    }
  }
}

function search(headers) {
  const q = encodeURIComponent(any(words));
  const response = done('search', http.get(`${api}/products?q=${q}`, { headers, tags: { name: 'search' } }), 200);
  if (response.status === 200 && seen.variants.length === 0) {
    for (const product of response.json('items')) if (product.variants.length > 0) seen.variants.push(product.variants[0].id);
  }
}

export const handleSummary = (data) => table(data, kinds, []);
