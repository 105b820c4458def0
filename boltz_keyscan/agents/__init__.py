"""Hooks of coding agents: one file for each agent, from payload to event and from decision to answer.

``registry`` has a row for each agent. ``inspection`` decides, and knows no agent.
"""
