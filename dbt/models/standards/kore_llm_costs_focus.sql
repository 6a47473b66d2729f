-- Charges in the terms of FOCUS 1.2 (FinOps Open Cost and Usage Specification): a row for each day, bot, model, price and
-- kind of token. They are estimates from the log, not an invoice. FOCUS has no cost that is not known: calls without a
-- price or tokens are not here, and kore_llm_completeness counts them.
{%- set meters = {
    'Input Tokens': 'input', 'Cache Read Tokens': 'cache_read', 'Cache Write Tokens': 'cache_write',
    'Output Tokens': 'output', 'Reasoning Tokens': 'reasoning',
} %}

with meters as (
    {%- for meter, name in meters.items() %}
    select
        day,
        bot_id,
        coalesce(integration, provider, 'unknown') as account,
        coalesce(provider, integration, 'unknown') as provider,
        coalesce(response_model, request_model, model_name) as model,
        price_source,
        '{{ meter }}' as meter,
        {{ name }}_tokens_billed as tokens,
        {{ name }}_usd_per_million as unit_price,
        coalesce(list_{{ name }}_usd_per_million, {{ name }}_usd_per_million) as list_unit_price
    from {{ ref('kore_llm_calls') }}
    where cost_usd is not null and day is not null and {{ name }}_tokens_billed > 0
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

charges as (
    select
        day, bot_id, account, provider, model, price_source, meter, unit_price, list_unit_price,
        cast(sum(tokens) as {{ dbt.type_bigint() }}) as tokens
    from meters
    group by day, bot_id, account, provider, model, price_source, meter, unit_price, list_unit_price
)

{% set cost = 'cast(cast(tokens * unit_price as ' ~ type_usd() ~ ') / 1000000 as ' ~ type_usd() ~ ')' %}
{% set columns = {
    'BilledCost': cost,
    'BillingAccountId': 'account',
    'BillingAccountName': 'account',
    'BillingCurrency': "'USD'",
    'BillingPeriodEnd': 'cast(' ~ dbt.dateadd('month', 1, dbt.date_trunc('month', 'day')) ~ ' as ' ~ dbt.type_timestamp() ~ ')',
    'BillingPeriodStart': 'cast(' ~ dbt.date_trunc('month', 'day') ~ ' as ' ~ dbt.type_timestamp() ~ ')',
    'ChargeCategory': "'Usage'",
    'ChargeClass': 'cast(null as ' ~ dbt.type_string() ~ ')',
    'ChargeDescription': dbt.concat(["model", "', '", "meter"]),
    'ChargeFrequency': "'Usage-Based'",
    'ChargePeriodEnd': 'cast(' ~ dbt.dateadd('day', 1, 'day') ~ ' as ' ~ dbt.type_timestamp() ~ ')',
    'ChargePeriodStart': 'cast(day as ' ~ dbt.type_timestamp() ~ ')',
    'ConsumedQuantity': 'tokens',
    'ConsumedUnit': "'Tokens'",
    'ContractedCost': cost,
    'ContractedUnitPrice': 'unit_price',
    'EffectiveCost': cost,
    'InvoiceIssuerName': 'provider',
    'ListCost': 'cast(cast(tokens * list_unit_price as ' ~ type_usd() ~ ') / 1000000 as ' ~ type_usd() ~ ')',
    'ListUnitPrice': 'list_unit_price',
    'PricingCategory': "'Standard'",
    'PricingQuantity': 'cast(tokens as ' ~ dbt.type_numeric() ~ ') / 1000000',
    'PricingUnit': "'1000000 Tokens'",
    'ProviderName': 'provider',
    'PublisherName': 'provider',
    'ResourceId': 'bot_id',
    'ServiceCategory': "'AI and Machine Learning'",
    'ServiceName': 'provider',
    'ServiceSubcategory': "'Generative AI'",
    'SkuId': 'model',
    'SkuMeter': 'meter',
    'SkuPriceId': dbt.concat(['model', "'/'", 'meter', "'/'", 'price_source']),
    'SubAccountId': 'bot_id',
} -%}
select
    {% for name, value in columns.items() -%}
    {{ value }} as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
    {% endfor %}
from charges
