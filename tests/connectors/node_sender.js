// A sender that is not ours: Node.js with nothing but its own modules. Started as
//   node node_sender.js WHAT PORT
// it sends in one way and writes what it got as one line of JSON.
'use strict';
const dgram = require('dgram');
const http = require('http');
const net = require('net');

const [what, port] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}/gate`;

// One request; `write` is given it to write its body and to end it. Resolves to [status, body, socket's own port].
function ask(options, write) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, {method: 'POST', ...options}, (response) => {
      const pieces = [];
      const own = response.socket.localPort;
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => resolve([response.statusCode, Buffer.concat(pieces).toString(), own]));
    });
    request.on('error', reject);
    write(request);
  });
}

const ways = {
  // Twenty posts, one after the other, by an agent that keeps its connection: how many connections it took.
  async keepAlive() {
    const agent = new http.Agent({keepAlive: true, maxSockets: 1});
    const answers = [];
    for (let number = 0; number < 20; number += 1) {
      answers.push(await ask({agent}, (request) => request.end(JSON.stringify({number}))));
    }
    agent.destroy();
    return {statuses: answers.map((each) => each[0]), connections: new Set(answers.map((each) => each[2])).size};
  },
  // Without a length Node sends chunks, one for each write.
  async chunked() {
    const [status] = await ask({}, (request) => {
      for (const piece of ['{"plate"', ':"', 'ÄB 123', '"}']) request.write(piece);
      request.end();
    });
    return {status};
  },
  async expect() {
    let waited = false;
    const options = {headers: {Expect: '100-continue', 'Content-Length': 7}};
    const [status] = await ask(options, (request) => {
      request.on('continue', () => { waited = true; request.end('{"a":1}'); });
      request.flushHeaders();
    });
    return {status, waited};
  },
  async multipart() {
    const form = new FormData();
    form.append('event', new Blob(['{"plate":"AB123"}'], {type: 'application/json'}), 'event.json');
    form.append('picture', new Blob([Buffer.from('ffd8ff00ffd9', 'hex')], {type: 'image/jpeg'}), 'car.jpg');
    const response = await fetch(url, {method: 'POST', body: form});
    return {status: response.status};
  },
  async tcp() {
    const socket = net.connect(Number(port), '127.0.0.1');
    socket.setNoDelay(true);
    for (const piece of ['{"number":1}{"num', 'ber":2}\r\n{"text":"}', '{"}']) {
      await new Promise((resolve) => { socket.write(piece, resolve); });
    }
    await new Promise((resolve) => { socket.end(resolve); });
    return {sent: 3};
  },
  async udp() {
    const socket = dgram.createSocket('udp4');
    for (const text of ['one', 'two', 'x'.repeat(9000)]) {
      await new Promise((resolve) => { socket.send(text, Number(port), '127.0.0.1', resolve); });
    }
    socket.close();
    return {sent: 3};
  },
};

ways[what]().then((said) => console.log(JSON.stringify(said)));
