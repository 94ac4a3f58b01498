"""Trains the layer on a task of memory: to say which token was the one before. examples/train_layer.cpp is the same in C++."""

import fgla
import torch

torch.manual_seed(0)
embedding, layer = torch.nn.Embedding(16, 64), fgla.FGLA(64, num_heads=2)
model = torch.nn.Sequential(embedding, layer, torch.nn.Linear(64, 16))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for step in range(60):
    tokens = torch.randint(16, (4, 32))
    loss = torch.nn.functional.cross_entropy(model(tokens)[:, 1:].flatten(0, 1), tokens[:, :-1].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 19:
        print(f"step {step + 1}: loss {loss.item():.3f}")
